// Bulk operations and CSV in a real browser against a real panel: node --test e2e/
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { launch, open, signIn } from './browser.mjs'
import { client, startPanel } from './panel.mjs'
import { downloaded } from './pixels.mjs'

const password = 'correct horse battery'
let panel, browser, api, page, faults

before(async () => {
  panel = await startPanel()
  browser = await launch()
  api = client(panel.url)
  await api.signIn('admin', panel.password)
  await api.post('/me/password', { old_password: panel.password, new_password: password })
  await api.signIn('admin', password)
  for (const name of ['anna', 'boris', 'chen']) await api.post('/subscribers', { name })
  ;({ page, faults } = await open(browser, panel.url))
  await signIn(page, 'admin', password)
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  await panel?.stop()
}, { timeout: 90_000 })

test('two of three are suspended at once, after a preview', async () => {
  await page.goto('/subscribers')
  for (const n of ['anna', 'boris']) await page.getByRole('checkbox', { name: `Select ${n}`, exact: true }).check()
  await page.getByRole('button', { name: 'Suspend', exact: true }).click()
  const dialog = page.getByRole('dialog').last()
  await dialog.getByRole('button', { name: 'Preview' }).click()
  await dialog.getByText('2 subscribers change').waitFor()
  await dialog.getByRole('button', { name: 'Do it for 2' }).click()
  await dialog.getByText('2 of 2 done').waitFor()
  const states = Object.fromEntries((await api.get('/subscribers')).items.map((s) => [s.name, s.status]))
  assert.deepEqual(states, { anna: 'suspended', boris: 'suspended', chen: 'active' })
}, { timeout: 120_000 })

test('a file is checked whole before anybody is made, and the list comes out again', async () => {
  const file = path.join(tmpdir(), `culvert-import-${process.pid}.csv`)
  await page.goto('/subscribers')
  await page.getByRole('button', { name: 'Export and import' }).click()
  await page.getByRole('menuitem', { name: 'Import from CSV' }).click()
  const input = page.locator('input[type=file]')
  writeFileSync(file, 'name,email\ndora,dora@example.com\nanna,no address\n')
  await input.setInputFiles(file)
  await page.getByRole('alert').getByText('3 · email').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Import', exact: true }).isDisabled())
  const better = file.replace('.csv', '-2.csv')
  writeFileSync(better, 'name,email\ndora,dora@example.com\nemil,emil@example.com\n')
  await input.setInputFiles(better)
  await page.getByText('The file is right: 2 subscribers').waitFor()
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.getByText('2 subscribers made').waitFor()
  await page.getByRole('dialog').last().getByRole('button', { name: 'Close' }).last().click()
  await page.getByRole('button', { name: 'Export and import' }).click()
  const out = await downloaded(page, page.getByRole('menuitem', { name: 'Export this list as CSV' }))
  assert.match(out.text, /^name,/)
  for (const name of ['anna', 'boris', 'chen', 'dora', 'emil']) assert.match(out.text, new RegExp(`^${name},`, 'm'))
  assert.deepEqual(faults, [])
}, { timeout: 120_000 })
