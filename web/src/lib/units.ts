const byteUnits = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte', 'petabyte'] as const
const rateUnits = ['bit', 'kilobit', 'megabit', 'gigabit', 'terabit'] as const

export const KiB = 1024
export const MiB = KiB * 1024
export const GiB = MiB * 1024
export const TiB = GiB * 1024

const formats = new Map<string, Intl.NumberFormat>()

function number(language: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options)
  let f = formats.get(key)
  if (!f) formats.set(key, (f = new Intl.NumberFormat(language, options)))
  return f
}

/** scale divides until the value fits three digits before the point. */
function scale(value: number, base: number, steps: number): [value: number, step: number] {
  let step = 0
  while (Math.abs(value) >= base && step < steps - 1) {
    value /= base
    step++
  }
  return [value, step]
}

const digits = (v: number) => (Math.abs(v) < 10 && v % 1 !== 0 ? 2 : Math.abs(v) < 100 ? 1 : 0)

/** formatBytes counts by 1024, as traffic is sold here: 107374182400 is "100 GB". */
export function formatBytes(bytes: number, language: string): string {
  const [value, step] = scale(bytes, 1024, byteUnits.length)
  const text = number(language, {
    style: 'unit', unit: byteUnits[step], unitDisplay: step === 0 ? 'narrow' : 'short', maximumFractionDigits: step === 0 ? 0 : digits(value),
  }).format(value)
  return text.replace(/(\d)(\p{L})/u, '$1\u00a0$2')
}

/** formatRate writes bits per second by 1000, as networks are sold. */
export function formatRate(bits: number, language: string): string {
  const [value, step] = scale(bits, 1000, rateUnits.length)
  return number(language, {
    style: 'unit', unit: `${rateUnits[step]}-per-second`, unitDisplay: 'short', maximumFractionDigits: step === 0 ? 0 : digits(value),
  }).format(value)
}

export const formatNumber = (n: number, language: string) => number(language, {}).format(n)

export const formatPercent = (ratio: number, language: string) =>
  number(language, { style: 'percent', maximumFractionDigits: ratio > 0 && ratio < 0.1 ? 1 : 0 }).format(ratio)

/** formatMoney writes minor units: 1250 with EUR is "€12.50". */
export function formatMoney(minor: number, currency: string, language: string): string {
  try {
    const f = number(language, { style: 'currency', currency })
    const places = f.resolvedOptions().maximumFractionDigits ?? 2
    return f.format(minor / 10 ** places)
  } catch {
    return `${minor} ${currency}` // not a currency that this browser knows
  }
}
