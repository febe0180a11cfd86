import app from './ko/app.json'
import auth from './ko/auth.json'
import common from './ko/common.json'
import form from './ko/form.json'
import palette from './ko/palette.json'
import table from './ko/table.json'
import traffic from './ko/traffic.json'

export default { app, auth, common, form, palette, table, traffic }
