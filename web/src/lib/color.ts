type Rgb = [number, number, number]

export const isHexColor = (s: string) => /^#[0-9a-f]{6}$/i.test(s)

function parse(hex: string): Rgb {
  const n = Number.parseInt(hex.slice(1), 16)
  return [n >> 16, (n >> 8) & 255, n & 255]
}

const toHex = (c: Rgb) => '#' + c.map((v) => Math.round(v).toString(16).padStart(2, '0')).join('')

const mix = (a: Rgb, b: Rgb, share: number): Rgb => [0, 1, 2].map((i) => (a[i] ?? 0) * (1 - share) + (b[i] ?? 0) * share) as Rgb

function luminance(c: Rgb): number {
  const [r, g, b] = c.map((v) => {
    const s = v / 255
    return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4
  }) as Rgb
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

/** contrast of WCAG 2.2, 1 to 21. */
export function contrast(a: string, b: string): number {
  const [x, y] = [luminance(parse(a)), luminance(parse(b))].sort((p, q) => q - p) as [number, number]
  return (x + 0.05) / (y + 0.05)
}

const white: Rgb = [255, 255, 255]
const black: Rgb = [0, 0, 0]

/** The shade that buttons are filled with; white text is readable on it, whatever colour a reseller chose. */
export const filledShade = 6

/** shadesOf makes the ten shades of a theme from one accent colour. */
export function shadesOf(accent: string): string[] {
  let base = parse(isHexColor(accent) ? accent : '#2563eb')
  while (contrast(toHex(base), '#ffffff') < 4.6) base = mix(base, black, 0.06)
  const light = [0.93, 0.85, 0.7, 0.54, 0.36, 0.16].map((s) => mix(base, white, s))
  const dark = [0.14, 0.28, 0.42].map((s) => mix(base, black, s))
  return [...light, base, ...dark].map(toHex)
}
