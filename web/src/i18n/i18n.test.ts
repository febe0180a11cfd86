import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import generated from '@/api/options.gen.json'
import { languages } from '@/lib/language'

const here = path.resolve('src/i18n')
const plural = /_(zero|one|two|few|many|other)$/

function leaves(o: object, prefix = ''): [string, string][] {
  return Object.entries(o).flatMap(([k, v]) => (typeof v === 'string' ? [[prefix + k, v] as [string, string]] : leaves(v as object, `${prefix}${k}.`)))
}

function words(bundle: string, language: string): Map<string, string> {
  const dir = path.join(here, bundle, language)
  return new Map(readdirSync(dir).flatMap((f) => leaves({ [f.replace('.json', '')]: JSON.parse(readFileSync(path.join(dir, f), 'utf8')) as object })))
}

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => {
    const p = path.join(dir, e.name)
    if (e.isDirectory()) return e.name === 'i18n' ? [] : sources(p)
    return /\.tsx?$/.test(e.name) && !/\.test\./.test(e.name) ? [readFileSync(p, 'utf8')] : []
  })
}

const bundles = readdirSync(here, { withFileTypes: true }).filter((e) => e.isDirectory() && readdirSync(path.join(here, e.name, 'en')).length > 0).map((e) => e.name)
const code = sources('src').join('\n')
const text = [...code.matchAll(/['"`]([a-z]\w*(?:\.[\w$-]+)+)['"`]/gi)].map((m) => m[1] ?? '')
const stems = [...code.matchAll(/`([a-z]\w*(?:\.[\w-]+)*\.)\$\{/gi)].map((m) => m[1] ?? '')
const base = (k: string) => k.replace(plural, '')

describe.each(bundles)('words of %s', (bundle) => {
  const en = words(bundle, 'en')

  it.each(languages)('%s has every key, its plural forms and its parameters, and nothing else', (language) => {
    const own = words(bundle, language)
    const need = new Set([...en.keys()].map(base))
    const have = new Set([...own.keys()].map(base))
    expect([...need].filter((k) => !have.has(k)), 'missing').toEqual([])
    expect([...have].filter((k) => !need.has(k)), 'unknown').toEqual([])
    for (const key of [...en.keys()].filter((k) => plural.test(k)).map(base)) {
      const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories
      expect(forms.filter((f) => !own.has(`${key}_${f}`)), `plural forms of ${key}`).toEqual([])
    }
    const parameters = (s: string) => [...s.matchAll(/\{\{(\w+)\}\}/g)].map((m) => m[1]).sort()
    for (const [k, v] of own) {
      expect(v.trim(), `${k} is empty`).not.toBe('')
      const original = en.get(k) ?? en.get(`${base(k)}_other`) ?? ''
      expect(parameters(v), `parameters of ${k}`).toEqual(parameters(original))
    }
  })

  it('has no key that nothing uses', () => {
    const used = (k: string) => text.includes(base(k)) || stems.some((s) => k.startsWith(s))
    expect([...en.keys()].filter((k) => !used(k))).toEqual([])
  })
})

it('names every option of every protocol', () => {
  const en = words('panel', 'en')
  interface S { properties?: Record<string, S>; writeOnly?: boolean }
  const names = (s: S): string[] => Object.entries(s.properties ?? {}).flatMap(([k, v]) => (v.writeOnly ? [] : [k, ...names(v)]))
  const missing = Object.values(generated as unknown as Record<string, S>).flatMap(names).filter((n) => !en.has(`options.${n}`))
  expect(missing).toEqual([])
})
