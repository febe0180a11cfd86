import common from '../panel/ru/common.json'
import form from '../panel/ru/form.json'
import reason from '../panel/ru/reason.json'
import status from '../panel/ru/status.json'
import traffic from '../panel/ru/traffic.json'
import portal from './ru/portal.json'

export default { common, form, reason, status, traffic, portal }
