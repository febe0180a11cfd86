const steps: [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ['year', 31_536_000], ['month', 2_592_000], ['week', 604_800], ['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1],
]

/** formatRelative says "in 3 days" or "2 hours ago". Below a minute it says "now": seconds would flicker. */
export function formatRelative(at: Date, now: number, language: string): string {
  const seconds = (at.getTime() - now) / 1000
  const f = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  if (Math.abs(seconds) < 60) return f.format(0, 'second')
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return f.format(Math.trunc(seconds / length), unit)
  }
  return f.format(0, 'second')
}

export function formatDateTime(at: Date, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(at)
}

export function formatDate(at: Date, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(at)
}

/** formatSpan writes how long something has lasted: "2h 05m". */
export function formatSpan(ms: number, language: string): string {
  const total = Math.max(0, Math.floor(ms / 1000))
  const parts: [number, string][] = [
    [Math.floor(total / 86_400), 'day'], [Math.floor(total / 3600) % 24, 'hour'], [Math.floor(total / 60) % 60, 'minute'], [total % 60, 'second'],
  ]
  const found = parts.findIndex(([n]) => n > 0)
  const first = found < 0 ? parts.length - 1 : found
  return parts
    .slice(first, first + 2)
    .filter(([n], i) => n > 0 || i === 0)
    .map(([n, unit]) => new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'narrow' }).format(n))
    .join(' ')
}

export const daysFromNow = (days: number, now = Date.now()) => new Date(now + days * 86_400_000)
