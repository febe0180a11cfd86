import common from '../panel/ko/common.json'
import form from '../panel/ko/form.json'
import reason from '../panel/ko/reason.json'
import status from '../panel/ko/status.json'
import traffic from '../panel/ko/traffic.json'
import portal from './ko/portal.json'

export default { common, form, reason, status, traffic, portal }
