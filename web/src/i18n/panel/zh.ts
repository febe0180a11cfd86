import app from './zh/app.json'
import auth from './zh/auth.json'
import common from './zh/common.json'
import form from './zh/form.json'
import palette from './zh/palette.json'
import table from './zh/table.json'
import traffic from './zh/traffic.json'

export default { app, auth, common, form, palette, table, traffic }
