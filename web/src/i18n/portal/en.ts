import common from '../panel/en/common.json'
import form from '../panel/en/form.json'
import reason from '../panel/en/reason.json'
import status from '../panel/en/status.json'
import traffic from '../panel/en/traffic.json'
import portal from './en/portal.json'

export default { common, form, reason, status, traffic, portal }
