import app from './ru/app.json'
import auth from './ru/auth.json'
import common from './ru/common.json'
import form from './ru/form.json'
import palette from './ru/palette.json'
import table from './ru/table.json'
import traffic from './ru/traffic.json'

export default { app, auth, common, form, palette, table, traffic }
