// Draws every page at both widths into web/screenshots, to be looked at: node e2e/screenshots.mjs [part of a name]
import { mkdirSync } from 'node:fs'
import { launch, open } from './browser.mjs'
import { client, startPanel } from './panel.mjs'
import { seed, traffic } from './seed.mjs'

const out = new URL('../screenshots/', import.meta.url).pathname
const only = process.argv[2] ?? ''
const password = 'correct horse battery'

const panel = process.env.PANEL_URL ? { url: process.env.PANEL_URL, password: process.env.PANEL_PASSWORD, stop: async () => {} } : await startPanel()
const browser = await launch()
let quiet = () => {}
try {
  const api = client(panel.url)
  if (!process.env.PANEL_URL) {
    await api.signIn('admin', panel.password)
    await api.post('/me/password', { old_password: panel.password, new_password: password })
  }
  await api.signIn('admin', password)
  const scene = process.env.PANEL_URL ? await found(api) : await seed(api)
  if (!process.env.PANEL_URL) quiet = await traffic(api, panel.url, scene)
  const s = `/subscribers?open=${scene.subscriber.id}`
  /** name, path, what to do before the picture is taken */
  const pages = [
    ['dashboard', '/'],
    ['subscribers', '/subscribers'],
    ['subscribers-selected', '/subscribers', async (p) => { for (const n of ['anna', 'boris']) await p.getByRole('checkbox', { name: `Select ${n}`, exact: true }).check() }],
    ['subscriber', s], ['subscriber-usage', `${s}&tab=usage`], ['subscriber-sessions', `${s}&tab=sessions`], ['subscriber-devices', `${s}&tab=devices`],
    ['subscriber-device', `${s}&tab=devices`, (p) => p.getByRole('button', { name: 'QR and file' }).first().click()],
    ['subscriber-links', `${s}&tab=links`], ['subscriber-audit', `${s}&tab=audit`],
    ['subscriber-suspend', s, (p) => p.getByRole('button', { name: 'Suspend', exact: true }).click()],
    ['subscriber-add', '/subscribers?add=true', async (p) => { await p.getByRole('button', { name: 'Limits and details' }).click() }],
    ['plans', '/plans'], ['plan-edit', '/plans', (p) => p.getByRole('button', { name: 'gold' }).first().click()],
    ['nodes', '/nodes'], ['nodes-certificates', '/nodes?tab=certificates'], ['nodes-groups', '/nodes?tab=groups'], ['node-add', '/nodes?add=true'],
    ['node', `/nodes/${scene.node.id}`], ['node-details', `/nodes/${scene.node.id}?tab=details`], ['node-jobs', `/nodes/${scene.node.id}?tab=jobs`], ['node-sessions', `/nodes/${scene.node.id}?tab=sessions`],
    ['service-add', `/nodes/${scene.node.id}`, async (p) => {
      await p.getByRole('button', { name: 'Add a service' }).first().click()
      await p.getByRole('combobox', { name: 'Protocol' }).click()
      await p.getByRole('option', { name: 'Hysteria 2' }).click()
    }],
    ['tenants', '/tenants'], ['tenant-add', '/tenants', (p) => p.getByRole('button', { name: 'Add a reseller' }).click()],
    ['staff', '/staff'], ['staff-edit', '/staff', (p) => p.getByRole('button', { name: 'bot' }).first().click()],
    ['keys', '/access-keys'], ['key-add', '/access-keys', (p) => p.getByRole('button', { name: 'Add a key' }).click()],
    ['jobs', '/jobs'], ['settings', '/settings'], ['settings-profiles', '/settings?tab=profiles'], ['account', '/account'],
    ['palette', '/plans', async (p) => { await p.keyboard.press('Control+k'); await p.getByRole('combobox').fill('an'); await p.getByRole('option').first().waitFor() }],
    ['not-found', '/nowhere'],
  ]
  mkdirSync(out, { recursive: true })
  const { context, page } = await open(browser, panel.url, {})
  await page.goto('/sign-in')
  for (const width of [1440, 390]) {
    if (!'sign-in'.includes(only)) break
    await page.setViewportSize({ width, height: width > 800 ? 900 : 844 })
    await page.waitForLoadState('networkidle')
    await page.screenshot({ path: `${out}sign-in-${width}.png` })
  }
  const sign = await page.request.post('/api/v1/sessions', { data: { name: 'admin', password, cookie: true }, headers: { Origin: panel.url } })
  if (!sign.ok()) throw new Error(await sign.text())
  const state = await context.storageState()
  for (const [width, scheme] of [[1440, 'light'], [390, 'light'], [1440, 'dark']]) {
    const w = await open(browser, panel.url, { width, height: width > 800 ? 900 : 844, scheme, state })
    for (const [name, path, act] of pages) {
      if (!name.includes(only)) continue
      if (scheme === 'dark' && process.env.DARK !== 'all' && !['dashboard', 'subscribers', 'subscriber', 'nodes', 'service-add', 'subscriber-usage'].includes(name)) continue
      try {
        await w.page.goto(path)
        await w.page.locator('h1').first().waitFor()
        await w.page.waitForFunction(() => !document.querySelector('[aria-busy=true]'))
        await act?.(w.page)
        await w.page.waitForFunction(() => !document.querySelector('[aria-busy=true]'))
        await w.page.evaluate(() => document.fonts.ready)
        await w.page.screenshot({ path: `${out}${name}-${width}${scheme === 'dark' ? '-dark' : ''}.png`, animations: 'disabled' })
      } catch (e) {
        console.error(`${name} at ${width}: ${String(e).split('\n')[0]}`)
        process.exitCode = 1
        await w.page.screenshot({ path: `${out}${name}-${width}-fault.png` })
      }
    }
    for (const f of w.faults) console.error('page says:', f)
    await w.context.close()
  }
  await portal(browser, panel.url, api, scene.subscriber)
} finally {
  quiet()
  await browser.close()
  await panel.stop()
}

async function found(api) {
  const subscriber = (await api.get('/subscribers?q=anna')).items[0]
  const node = (await api.get('/nodes')).items.find((n) => n.name === 'local') ?? (await api.get('/nodes')).items[0]
  return { subscriber, node }
}

/** portal draws the subscriber's pages. */
async function portal(browser, base, api, subscriber) {
  const { login, password: secret } = await api.get(`/subscribers/${subscriber.id}/credentials`)
  const pages = [
    ['portal-home', '/portal'], ['portal-single', '/portal', (p) => p.getByRole('button', { name: /Single connections/ }).click()],
    ['portal-devices', '/portal/devices'], ['portal-device-add', '/portal/devices', (p) => p.getByRole('button', { name: 'Add a device' }).click()],
    ['portal-device', '/portal/devices', (p) => p.getByRole('button', { name: /^QR code and file of/ }).first().click()],
    ['portal-connections', '/portal/connections'], ['portal-help', '/portal/help'],
  ]
  for (const [width, scheme] of [[1440, 'light'], [390, 'light'], [390, 'dark']]) {
    const w = await open(browser, base, { width, height: width > 800 ? 900 : 844, scheme })
    const shot = async (name) => {
      await w.page.waitForFunction(() => !document.querySelector('[aria-busy=true]'))
      await w.page.evaluate(() => document.fonts.ready)
      await w.page.screenshot({ path: `${out}${name}-${width}${scheme === 'dark' ? '-dark' : ''}.png`, animations: 'disabled' })
    }
    await w.page.goto('/portal')
    await w.page.getByRole('button', { name: 'Sign in' }).waitFor()
    if ('portal-sign-in'.includes(only)) await shot('portal-sign-in')
    await w.page.request.post('/api/v1/portal/sessions', { data: { login, password: secret, cookie: true }, headers: { Origin: base } })
    for (const [name, path, act] of pages) {
      if (!name.includes(only)) continue
      await w.page.goto(path)
      await w.page.locator('h1').first().waitFor({ state: 'attached' })
      await w.page.waitForFunction(() => !document.querySelector('[aria-busy=true]'))
      await act?.(w.page)
      await shot(name)
    }
    for (const f of w.faults) console.error('portal says:', f)
    await w.context.close()
  }
}
