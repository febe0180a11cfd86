import { existsSync, readFileSync, statSync } from 'node:fs'
import { expect, it } from 'vitest'

// What a first visit fetches before the dashboard, or the portal's first page, is drawn: the entry, what it imports, the shell, the
// page and one language; as browsers get it, in Brotli.
interface Chunk { file: string; imports?: string[]; dynamicImports?: string[] }

const budgets = [
  { page: 'index.html', then: ['src/app/shell/Shell.tsx', 'src/features/dashboard/DashboardPage.tsx', 'src/ui/chart/TrafficChart.tsx', 'src/i18n/panel/ru.ts'], limit: 300 },
  { page: 'index.html', then: ['src/app/shell/Shell.tsx', 'src/features/subscribers/SubscribersPage.tsx', 'src/i18n/panel/ru.ts'], limit: 300 },
  { page: 'portal.html', then: ['src/i18n/portal/ru.ts'], limit: 150 },
] as const

/** sent is what goes over the wire: the panel sends what scripts/compress.mjs wrote. */
const sent = (file: string) => statSync(existsSync(`${file}.br`) ? `${file}.br` : file).size

it.skipIf(!existsSync('dist/index.html')).each(budgets)('$page loads less than $limit KB of script', ({ page, then, limit }) => {
  const manifest = JSON.parse(readFileSync('dist/.vite/manifest.json', 'utf8')) as Record<string, Chunk>
  const files = new Set<string>()
  const take = (key: string) => {
    const chunk = manifest[key]
    if (!chunk) throw new Error(`${key} is not in the build`)
    if (files.has(chunk.file)) return
    files.add(chunk.file)
    chunk.imports?.forEach(take)
  }
  ;[page, ...then].forEach(take)
  const bytes = [...files].filter((f) => f.endsWith('.js')).reduce((n, f) => n + sent(`dist/${f}`), 0)
  expect(bytes / 1000).toBeLessThan(limit)
})

it.skipIf(!existsSync('dist/index.html'))('pages have no script, style or event handler of their own', () => {
  const html = readFileSync('dist/index.html', 'utf8')
  expect(html).not.toMatch(/<script(?![^>]*src=)[^>]*>|<style| on\w+=/)
  expect([...html.matchAll(/<(script|link rel="modulepreload"|link rel="stylesheet")[^>]*>/g)].every((m) => m[0].includes('nonce="__CSP_NONCE__"'))).toBe(true)
})
