// The browser's half of TestTunnelFromThePortal (deploy/e2e): a subscriber makes a WireGuard device in the portal, an operator
// suspends them in the panel, and the portal says why nothing works. Each line of standard input is a step; each answer is a line of JSON.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { launch, open, signIn } from './browser.mjs'
import { downloaded, readQr } from './pixels.mjs'

const { PANEL_URL: base, LOGIN: login, SECRET: secret, SUBSCRIBER: subscriber, ADMIN_PASSWORD: password } = process.env
const browser = await launch()
const mine = await open(browser, base, { width: 390, height: 844 })
const theirs = await open(browser, base)
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
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
  /** Every page in every language, on a phone and a desk, light and dark: nothing serious for axe, no key in the place of a word. */
  async pages() {
    const { page } = mine
    const looks = [[390, 'light', 'en'], [1280, 'dark', 'ru'], [390, 'dark', 'zh'], [1280, 'light', 'ko']]
    for (const [width, colorScheme, language] of looks) {
      await page.setViewportSize({ width, height: 844 })
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.goto('/portal')
      await page.getByRole('combobox').first().selectOption(language)
      await page.waitForFunction((l) => document.documentElement.lang === l, language)
      for (const at of ['/portal', '/portal/devices', '/portal/connections', '/portal/help']) {
        await page.goto(at)
        await page.locator('h1').first().waitFor({ state: 'attached' })
        await page.waitForFunction(() => !document.querySelector('[aria-busy=true]'))
        const where = `${at} ${language} ${width} ${colorScheme}`
        await page.evaluate(axe)
        const bad = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations
          .filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 200)}`))
        assert.deepEqual(bad, [], where)
        const text = await page.locator('body').innerText()
        assert.doesNotMatch(text, /\b(portal|common|status|form)\.\w/, where)
        assert.deepEqual(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth ? [] : [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > window.innerWidth).map((e) => e.outerHTML.slice(0, 120))), [], `${where} scrolls sideways`)
      }
    }
    await page.goto('/portal')
    await page.getByRole('combobox').first().selectOption('en')
    return {}
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
