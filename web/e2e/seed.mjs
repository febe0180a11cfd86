import { spawn } from 'node:child_process'
import { freePort } from './panel.mjs'

// A scene that looks like a small business: nodes, plans, a reseller, and customers in every state.
const GiB = 1024 ** 3
const day = 86_400_000
const names = ['anna', 'boris', 'chen', 'dmitri', 'elena', 'farid', 'grace', 'hana', 'ivan', 'jin', 'kim', 'lena', 'mei', 'nikolai', 'olga', 'pavel', 'qiang', 'rosa', 'sergei', 'tanya', 'umar', 'vera', 'wei', 'xenia', 'yuri', 'zhou']
const full = { anna: 'Anna Petrova', chen: 'Chen Li', grace: 'Grace Park', kim: 'Kim Min-jun', olga: 'Olga Ivanova' }

export async function seed(api) {
  const node = (await api.get('/nodes')).items[0]
  await api.patch(`/nodes/${node.id}`, { host: 'eu1.example.com', region: 'Frankfurt' })
  const group = await api.post('/node-groups', { name: 'europe', comment: 'all of Europe' })
  await api.patch(`/nodes/${node.id}`, { groups: [group.id] })
  await api.post('/nodes', { name: 'asia1', host: 'asia1.example.com', region: 'Singapore' })
  const certificate = await api.post('/certificates', { name: 'eu1', names: ['eu1.example.com'] })
  await api.post('/ingresses', { node_id: node.id, kind: 'wireguard', name: 'wireguard', listen: ':51820' })
  await api.post('/ingresses', { node_id: node.id, kind: 'hysteria2', name: 'hysteria', listen: ':18443', certificate_id: certificate.id, options: { insecure: true } })
  await api.post('/ingresses', { node_id: node.id, kind: 'shadowsocks', name: 'shadowsocks', listen: ':18388' })
  await api.post('/plans', { name: 'basic', traffic_limit: 50 * GiB, term_days: 30, devices: 2, reset: 'monthly', speed_down: 50e6, price: 399, currency: 'EUR' })
  const gold = await api.post('/plans', { name: 'gold', traffic_limit: 500 * GiB, term_days: 30, devices: 5, reset: 'monthly', price: 999, currency: 'EUR' })
  await api.post('/plans', { name: 'trial', traffic_limit: 2 * GiB, term_days: 3, devices: 1, reset: 'never', hidden: true, speed_down: 10e6 })
  const made = []
  for (const [i, name] of names.entries()) {
    made.push(await api.post('/subscribers', {
      name, plan: i % 3 === 0 ? 'gold' : i % 7 === 0 ? 'trial' : 'basic', full_name: full[name], email: i % 2 ? `${name}@example.com` : undefined, on_hold: i % 11 === 5,
      ...(i % 5 === 1 ? { expires_at: new Date(Date.now() + (i % 4) * day + 3_600_000).toISOString() } : {}),
    }))
  }
  await api.post(`/subscribers/${made[3].id}/suspend`, { reason: 'overdue' })
  await api.post(`/subscribers/${made[6].id}/grants`, { bytes: 20 * GiB })
  await api.post(`/subscribers/${made[9].id}/expire`)
  const device = await api.post(`/subscribers/${made[0].id}/devices`, { name: 'Phone' })
  await api.post(`/subscribers/${made[0].id}/devices`, { name: 'Laptop' })
  await api.post(`/subscribers/${made[0].id}/tokens`)
  const tenant = await api.post('/tenants', { name: 'Acme VPN', realm: 'acme', owner: { name: 'boss', email: 'boss@acme.example' } })
  await api.post('/tenants', { name: 'Kestrel Networks', realm: 'kestrel', owner: { name: 'admin', password: 'correct horse battery' } })
  await api.post('/logins', { name: 'maria', email: 'maria@example.com', role: 'support' })
  await api.post('/logins', { name: 'bot', role: 'custom', permissions: ['subscriber:read', 'usage:read'] })
  await api.post('/access-keys', { sets: ['billing'], addresses: ['203.0.113.9'], comment: 'WHMCS' })
  return { node, gold, subscriber: made[0], device, tenant, boss: tenant.owner_password }
}

/** traffic moves real bytes through the node as some of the customers, and keeps one of them connected. */
export async function traffic(api, base, { node }) {
  const port = await freePort()
  await api.post('/ingresses', { node_id: node.id, kind: 'socks5', name: 'socks', listen: `127.0.0.1:${port}` })
  const people = []
  for (const name of ['anna', 'chen', 'kim']) {
    const s = (await api.get(`/subscribers?q=${name}`)).items[0]
    await api.call('POST', `/subscribers/${s.id}/password`, { password: 'correct horse battery' })
    people.push(name)
  }
  const fetch = (name, at, ...more) => spawn('curl', ['-sk', '--retry', '20', '--retry-all-errors', '--retry-delay', '1', '-o', '/dev/null', '-x', `socks5h://${name}:correct%20horse%20battery@127.0.0.1:${port}`, ...more, base + at], { stdio: 'ignore' })
  const ended = (c) => new Promise((done) => c.on('exit', done))
  for (let i = 0; i < 12; i++) await Promise.all(people.slice(0, 1 + (i % 3)).map((n) => ended(fetch(n, '/api/v1/openapi.json'))))
  const held = people.slice(0, 2).map((n) => fetch(n, '/api/v1/openapi.json', '--limit-rate', '900'))
  return () => held.forEach((c) => c.kill())
}
