import { describe, expect, it } from 'vitest'
import { browserOf } from './browser'
import { spread } from './buckets'
import { contrast, filledShade, shadesOf } from './color'
import { fileName } from './download'
import { bestLanguage } from './language'
import { allows } from './permissions'
import { ApiError } from './problem'
import { compact, flag, oneOf, text } from './search'
import { formatRelative, formatSpan } from './time'
import { formatBytes, formatMoney, formatRate, GiB } from './units'

describe('units', () => {
  it('writes bytes by 1024 in the language', () => {
    expect(formatBytes(100 * GiB, 'en')).toMatch(/^100\sGB$/)
    expect(formatBytes(1.5 * GiB, 'ru')).toMatch(/^1,5\sГБ$/)
    expect(formatBytes(0, 'en')).toMatch(/^0\sB$/)
  })
  it('writes rates by 1000', () => {
    expect(formatRate(50_000_000, 'en')).toContain('50')
    expect(formatRate(50_000_000, 'en')).not.toBe(formatRate(50_000, 'en'))
  })
  it('writes minor units with the places that the currency has', () => {
    expect(formatMoney(1250, 'EUR', 'en')).toBe('€12.50')
    expect(formatMoney(1250, 'JPY', 'en')).toBe('¥1,250')
    expect(formatMoney(5, '', 'en')).toBe('5 ')
  })
})

describe('time', () => {
  const now = Date.parse('2026-11-28T12:00:00Z')
  it.each([['en', 'in 3 days'], ['zh', '3天后'], ['ko', '3일 후'], ['ru', 'через 3 дня']])('is relative in %s', (language, want) => {
    expect(formatRelative(new Date(now + 3 * 86_400_000 + 1000), now, language)).toBe(want)
  })
  it('does not flicker below a minute', () => expect(formatRelative(new Date(now - 20_000), now, 'en')).toBe('now'))
  it('writes two parts of a span', () => {
    expect(formatSpan(7_500_000, 'en')).toBe('2h 5m')
    expect(formatSpan(0, 'en')).toBe('0s')
  })
})

describe('search', () => {
  it('drops what a link may not carry', () => {
    const s = { a: 'x'.repeat(500), b: 'nonsense', c: 'true', d: '' }
    expect(text(s, 'a')).toHaveLength(128)
    expect(oneOf(s, 'b', ['one'] as const)).toBeUndefined()
    expect(flag(s, 'c')).toBe(true)
    expect(compact({ d: text(s, 'd'), e: 1 })).toEqual({ e: 1 })
  })
})

describe('colours of a reseller', () => {
  it.each(['#ffff00', '#eeeeee', '#00ff88', '#2563eb', '#000000', 'nonsense'])('%s: white text is readable on buttons', (accent) => {
    expect(contrast(shadesOf(accent)[filledShade] ?? '', '#ffffff')).toBeGreaterThanOrEqual(4.5)
  })
})

describe('faults', () => {
  const e = new ApiError({ status: 422, detail: 'invalid', fields: [{ field: 'body.name', rule: 'too long' }, { field: 'options.mtu', rule: 'too small' }, { field: 'other', rule: 'wrong' }] })
  it('names the fields of a form, and keeps what it has none for', () => {
    expect(e.formErrors(['name', 'options'])).toEqual({ errors: { name: 'too long', options: 'mtu: too small' }, rest: ['other: wrong'] })
  })
})

it('knows what permissions allow', () => {
  expect(allows(['*:*'], 'node:write')).toBe(true)
  expect(allows(['subscriber:write'], 'subscriber:read')).toBe(true)
  expect(allows(['subscriber:read'], 'subscriber:write')).toBe(false)
  expect(allows([], 'plan:read')).toBe(false)
})

it('puts zeros where nothing happened', () => {
  const at = '2026-11-28T01:00:00.000Z'
  const got = spread([{ at, up: 1, down: 2 }, { at, up: 3, down: 4 }], new Date('2026-11-28T00:00:00Z'), new Date('2026-11-28T02:00:00Z'), 'hour')
  expect(got.map((b) => [b.up, b.down])).toEqual([[0, 0], [4, 6], [0, 0]])
})

it('speaks the first language that it knows', () => {
  expect(bestLanguage([null, 'fr', 'zh-Hant-TW', 'en'])).toBe('zh')
  expect(bestLanguage([])).toBe('en')
})

it('makes file names that every system takes', () => {
  expect(fileName('../Анна / phone', '.conf')).toBe('Анна-phone.conf')
  expect(fileName('///', '.conf')).toBe('file.conf')
})

it('reads browsers', () => expect(browserOf('Mozilla/5.0 (X11; Linux x86_64) Chrome/140 Safari/537')).toBe('Chrome, Linux'))
