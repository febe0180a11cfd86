// A seeded panel to work against: prints its address and waits. PANEL_URL of screenshots.mjs takes it.
import { client, startPanel } from './panel.mjs'
import { seed, traffic } from './seed.mjs'

const panel = await startPanel()
const api = client(panel.url)
await api.signIn('admin', panel.password)
await api.post('/me/password', { old_password: panel.password, new_password: 'correct horse battery' })
await api.signIn('admin', 'correct horse battery')
await traffic(api, panel.url, await seed(api))
console.log(`${panel.url} admin "correct horse battery"`)
process.on('SIGTERM', () => void panel.stop().then(() => process.exit(0)))
process.on('SIGINT', () => void panel.stop().then(() => process.exit(0)))
