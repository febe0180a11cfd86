// The browser's half of TestTunnelFromThePortal (deploy/e2e): a subscriber makes a WireGuard device in the portal, an operator
// suspends them in the panel, and the portal says why nothing works. Each line of standard input is a step; each answer is a line of JSON.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { launch, open, signIn } from './browser.mjs'
import { downloaded, readQr } from './pixels.mjs'

const { PANEL_URL: base, LOGIN: login, SECRET: secret, SUBSCRIBER: subscriber, ADMIN_PASSWORD: password } = process.env
const browser = await launch()
const mine = await open(browser, base, { width: 390, height: 844 })
const theirs = await open(browser, base)
const sent = []
mine.page.on('request', (r) => sent.push(`${r.url()} ${JSON.stringify(r.headers())} ${r.postData() ?? ''}`))

const steps = {
  async device() {
    const { page } = mine
    await page.goto('/portal')
    await page.getByLabel('Name').fill(login)
    await page.getByLabel('Password', { exact: true }).fill(secret)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('link', { name: 'WireGuard' }).click()
    await page.getByRole('button', { name: 'Add a device' }).click()
    await page.getByLabel('Name of the device').fill('Phone')
    await page.getByRole('radio', { name: 'This browser' }).check()
    await page.getByRole('dialog').getByRole('button', { name: 'Add a device' }).click()
    const conf = await readQr(page, page.getByRole('img', { name: 'QR code of Phone' }))
    const file = await downloaded(page, page.getByRole('button', { name: 'Download the file' }))
    assert.equal(file.name, 'Phone.conf')
    assert.equal(conf, file.text)
    const key = /^PrivateKey = (.{43}=)$/m.exec(conf)?.[1]
    assert.ok(key, 'the file has a private key')
    assert.ok(!sent.some((s) => s.includes(key)), 'the private key left the browser')
    return { conf }
  },
  async suspend() {
    const { page } = theirs
    await signIn(page, 'admin', password)
    await page.goto(`/subscribers?open=${subscriber}`)
    await page.getByRole('button', { name: 'Suspend', exact: true }).click()
    const button = page.getByRole('dialog').last().getByRole('button', { name: 'Suspend', exact: true })
    await button.click()
    await page.getByRole('button', { name: 'Resume' }).waitFor()
    return {}
  },
  async why() {
    const { page } = mine
    await page.goto('/portal')
    await page.getByRole('alert').getByText('Your account is suspended').waitFor()
    await page.getByRole('link', { name: 'Help' }).click()
    return { said: await page.getByRole('main').innerText() }
  },
}

try {
  for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await steps[line]()))
  assert.deepEqual([...mine.faults, ...theirs.faults], [])
} finally {
  await browser.close()
}
