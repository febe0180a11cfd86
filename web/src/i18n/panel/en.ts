import app from './en/app.json'
import auth from './en/auth.json'
import common from './en/common.json'
import form from './en/form.json'
import palette from './en/palette.json'
import table from './en/table.json'
import traffic from './en/traffic.json'

export default { app, auth, common, form, palette, table, traffic }
