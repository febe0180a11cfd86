// Debian's Chromium, driven by playwright-core, which downloads no browser.
import { chromium } from 'playwright-core'

const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: quiet })

/** open makes a window. What the page complains of, the policy's refusals too, is collected in window.faults. */
export async function open(browser, base, { width = 1440, height = 900, scheme = 'light', language = 'en', state, reduced = true } = {}) {
  const context = await browser.newContext({
    baseURL: base, ignoreHTTPSErrors: true, viewport: { width, height }, colorScheme: scheme, locale: language, storageState: state,
    reducedMotion: reduced ? 'reduce' : 'no-preference', timezoneId: 'UTC', acceptDownloads: true,
  })
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const faults = []
  page.on('pageerror', (e) => faults.push(String(e)))
  page.on('console', (m) => {
    // an answer of 401 or 404 to a question is no fault of the page
    if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) faults.push(m.text())
  })
  return { context, page, faults }
}

export async function signIn(page, name, password) {
  await page.goto('/sign-in')
  await page.getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByRole('textbox', { name: 'Password' }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL((u) => !u.pathname.startsWith('/sign-in'))
}
