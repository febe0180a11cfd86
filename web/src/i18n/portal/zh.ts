import common from '../panel/zh/common.json'
import form from '../panel/zh/form.json'
import reason from '../panel/zh/reason.json'
import status from '../panel/zh/status.json'
import traffic from '../panel/zh/traffic.json'
import portal from './zh/portal.json'

export default { common, form, reason, status, traffic, portal }
