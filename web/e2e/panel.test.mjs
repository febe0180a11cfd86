// The panel in a real browser, against a real panel and agent: node --test e2e/
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import jsQR from 'jsqr'
import { launch, open, signIn } from './browser.mjs'
import { pages, settled } from './pages.mjs'
import { client, freePort, startPanel } from './panel.mjs'

const password = 'correct horse battery'
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
let panel, browser, api, admin
const scene = {}
let broken = ''

/** step is a test that needs those before it: after the first failure the rest would only wait. */
const step = (name, run, options = {}) => test(name, options, async () => {
  assert.equal(broken, '', 'an earlier step failed')
  try {
    await run()
  } catch (e) {
    broken = name
    await admin?.page.screenshot({ path: new URL('./out/fault.png', import.meta.url).pathname }).catch(() => {})
    throw e
  }
})

before(async () => {
  panel = await startPanel()
  browser = await launch()
  api = client(panel.url)
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  await panel?.stop()
}, { timeout: 90_000 })

/** pixels draws a picture on a canvas of the page and reads it back. */
const pixels = (page, png) => page.evaluate(async (src) => {
  const img = new Image()
  img.src = src
  await img.decode()
  const canvas = Object.assign(document.createElement('canvas'), { width: img.width, height: img.height })
  const c = canvas.getContext('2d')
  c.drawImage(img, 0, 0)
  return { width: img.width, height: img.height, data: [...c.getImageData(0, 0, img.width, img.height).data] }
}, `data:image/png;base64,${png.toString('base64')}`)

async function violations(page) {
  await page.evaluate(axe)
  const { violations: all } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
  return all.filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')}`)
}

step('the first sign-in must replace the printed password', async () => {
  admin = await open(browser, panel.url)
  const { page } = admin
  await page.goto('/plans')
  await page.waitForURL(/sign-in\?next=/)
  await page.getByRole('textbox', { name: 'Name' }).fill('admin')
  await page.getByRole('textbox', { name: 'Password' }).fill('wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').waitFor()
  await page.getByRole('textbox', { name: 'Password' }).fill(panel.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Choose your password' }).waitFor()
  await page.goto('/subscribers')
  await page.waitForURL('**/change-password')
  await page.getByRole('textbox', { name: 'Current password' }).fill(panel.password)
  await page.getByRole('textbox', { name: 'New password', exact: true }).fill('short')
  await page.getByRole('textbox', { name: 'New password again' }).fill('short')
  await page.getByRole('button', { name: 'Save and go on' }).click()
  await page.locator('[aria-invalid=true]').first().waitFor() // the refusal names its field
  await page.getByRole('textbox', { name: 'New password', exact: true }).fill(password)
  await page.getByRole('textbox', { name: 'New password again' }).fill(password)
  await page.getByRole('button', { name: 'Save and go on' }).click()
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor()
  await page.getByRole('heading', { name: 'Get started' }).waitFor()
  await api.signIn('admin', password)
})

step('a plan, a service and a subscriber are made', async () => {
  const { page } = admin
  await page.goto('/plans')
  await page.getByRole('button', { name: 'Add a plan' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill('gold')
  await page.getByRole('dialog').getByRole('button', { name: 'Add a plan' }).click()
  await page.getByRole('button', { name: 'gold', exact: true }).waitFor()

  scene.node = (await api.get('/nodes')).items[0]
  await page.goto(`/nodes/${scene.node.id}`)
  await page.getByRole('button', { name: 'Add a service' }).click()
  const port = await freePort()
  await page.getByRole('textbox', { name: 'Port', exact: true }).fill('nonsense')
  await page.getByRole('dialog').getByRole('button', { name: 'Add a service' }).click()
  await page.locator('[aria-invalid=true]').first().waitFor()
  await page.getByRole('textbox', { name: 'Port', exact: true }).fill(`:${port}`)
  await page.getByRole('dialog').getByRole('button', { name: 'Add a service' }).click()
  await page.getByRole('cell', { name: 'Serving' }).waitFor()

  await page.goto('/subscribers?add=true')
  await page.getByRole('textbox', { name: 'Login' }).fill('ann')
  await page.getByRole('combobox', { name: 'Plan' }).last().click()
  await page.getByRole('option', { name: 'gold' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
  await page.getByText('ann is ready').waitFor()
  await page.getByRole('button', { name: 'Open', exact: true }).click()
  await page.getByRole('tab', { name: 'Devices' }).waitFor()
  scene.subscriber = (await api.get('/subscribers?q=ann')).items[0]
  assert.equal(scene.subscriber.plan, 'gold')
})

step('the QR picture of a device holds its file', async () => {
  const { page } = admin
  await page.goto(`/subscribers?open=${scene.subscriber.id}&tab=devices`)
  await page.getByRole('button', { name: 'Add a device' }).click()
  await page.getByRole('textbox', { name: 'Name' }).last().fill('Phone')
  await page.getByRole('dialog').last().getByRole('button', { name: 'Add a device' }).click()
  const picture = page.getByRole('img', { name: 'QR code of Phone' })
  await picture.waitFor()
  await picture.evaluate((img) => img.decode())
  const { data, width, height } = await pixels(page, await picture.screenshot({ animations: 'disabled', scale: 'css' }))
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download the file' }).click()])
  assert.equal(download.suggestedFilename(), 'Phone.conf')
  const file = readFileSync(await download.path(), 'utf8')
  assert.match(file, /^\[Interface\]\nPrivateKey = /)
  assert.equal(jsQR(Uint8ClampedArray.from(data), width, height)?.data.trim(), file.trim())
})

step('suspending asks, tells what happens, and is done', async () => {
  const { page } = admin
  await page.goto(`/subscribers?open=${scene.subscriber.id}`)
  await page.getByRole('button', { name: 'Suspend', exact: true }).click()
  await page.getByText('All connections are cut within a second').waitFor()
  await page.getByRole('dialog').last().getByRole('button', { name: 'Suspend', exact: true }).click()
  await page.getByRole('button', { name: 'Resume' }).waitFor()
  assert.equal((await api.get(`/subscribers/${scene.subscriber.id}`)).status, 'suspended')
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByRole('button', { name: 'Suspend', exact: true }).waitFor()
})

step('a reseller reaches neither pages of the operator nor another tenant', async () => {
  await api.post('/tenants', { name: 'Acme VPN', realm: 'acme', owner: { name: 'boss', password } })
  const { page, context, faults } = await open(browser, panel.url)
  await signIn(page, 'boss@acme', password)
  if (page.url().includes('change-password')) {
    await page.getByRole('textbox', { name: 'Current password' }).fill(password)
    for (const name of ['New password', 'New password again']) await page.getByRole('textbox', { name, exact: true }).fill(`${password} 2`)
    await page.getByRole('button', { name: 'Save and go on' }).click()
    await page.getByRole('heading', { name: 'Dashboard' }).waitFor()
  }
  assert.equal(await page.getByRole('link', { name: 'Nodes' }).count(), 0)
  for (const at of ['/nodes', `/nodes/${scene.node.id}`, '/jobs']) {
    await page.goto(at)
    await page.getByRole('heading', { name: 'This page is not for you' }).waitFor()
  }
  await page.goto(`/subscribers?open=${scene.subscriber.id}`)
  await page.getByRole('alert').getByText('Not found').waitFor()
  assert.equal(await page.getByText('ann', { exact: true }).count(), 0)
  assert.deepEqual(faults, [])
  await context.close()
})

step('all four languages say everything', async () => {
  const { page } = admin
  for (const [own, code] of [['中文', 'zh'], ['한국어', 'ko'], ['Русский', 'ru'], ['English', 'en']]) {
    await page.goto('/account')
    await settled(page)
    await page.locator('header [aria-haspopup=menu]').first().click()
    await page.getByRole('menuitem', { name: own }).click()
    await page.waitForFunction((l) => document.documentElement.lang === l, code)
    for (const at of pages(scene).filter((x) => code === 'ru' || !x.includes('tab='))) {
      await page.goto(at)
      await settled(page)
      const text = await page.locator('body').innerText()
      assert.doesNotMatch(text, /(^|\s)(app|common|subscribers|nodes|plans|dashboard|form|status|keys|staff|settings)\.[a-z]+(\.|\s|$)/, `${code} ${at} shows a key instead of a word`)
    }
  }
}, { timeout: 300_000 })

// every page in the opposite corners, those that are no tab of another in the two between
for (const [width, scheme, whole] of [[1440, 'light', true], [1440, 'dark', false], [360, 'light', false], [360, 'dark', true]]) {
  step(`no page has serious faults for people who hear, zoom or tab: ${width} px, ${scheme}`, async () => {
    const { page, context, faults } = await open(browser, panel.url, { width, height: width > 800 ? 900 : 780, scheme, state: await admin.context.storageState() })
    const found = []
    for (const at of pages(scene).filter((x) => whole || !x.includes('tab='))) {
      await page.goto(at)
      await settled(page)
      found.push(...(await violations(page)).map((v) => `${at} ${v}`))
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      if (over > 0) found.push(`${at} is ${over} px too wide`)
    }
    assert.deepEqual([...new Map(found.map((f) => [f.replace(/^\S+ /, '').replace(/id="[^"]*"/g, ''), f])).values()], [])
    assert.deepEqual(faults, [])
    await context.close()
  }, { timeout: 300_000 })
}

step('the palette goes everywhere by keyboard', async () => {
  const { page } = admin
  await page.goto('/plans')
  await settled(page)
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: /Pages, actions/ }).fill('ann')
  await page.getByRole('option', { name: /^ann/ }).waitFor()
  await page.keyboard.press('ArrowUp')
  await page.keyboard.press('Enter')
  await page.waitForURL(/subscribers\?open=/)
})

step('two tabs have one stream', async () => {
  const second = await admin.context.newPage()
  let streams = 0
  const count = (r) => { if (r.url().includes('/stream?')) streams++ }
  second.on('request', count)
  await second.goto('/')
  await second.getByRole('heading', { name: 'Dashboard' }).waitFor()
  await settled(second)
  assert.equal(streams, 0)
  await admin.page.close() // the tab that had it
  await second.waitForRequest(/\/stream\?/)
  admin.page = second
})

step('signing out ends the session; pages ask to sign in again', async () => {
  const { page, faults } = admin
  await page.goto('/')
  await page.getByRole('button', { name: 'Account of admin' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.waitForURL('**/sign-in')
  await page.goto('/subscribers')
  await page.waitForURL(/sign-in\?next=/)
  assert.deepEqual(faults, [])
})
