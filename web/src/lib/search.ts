/** Readers of search parameters: what a link may carry, with everything else dropped instead of refused. */
export type Search = Record<string, unknown>

/** text is a short string; absent when empty, so that a cleared filter leaves the address. */
export function text(s: Search, name: string, max = 128): string | undefined {
  const v = s[name]
  const t = typeof v === 'string' ? v : typeof v === 'number' ? String(v) : ''
  return t.slice(0, max) || undefined
}

export function oneOf<T extends string>(s: Search, name: string, allowed: readonly T[]): T | undefined {
  return allowed.find((a) => a === s[name])
}

export function flag(s: Search, name: string): boolean | undefined {
  const v = s[name]
  return v === true || v === 'true' ? true : v === false || v === 'false' ? false : undefined
}

/** compact removes what is absent, so that equal filters make equal addresses and cache keys. */
export function compact<T extends object>(o: T): { [K in keyof T]?: T[K] } {
  return Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined && v !== '')) as Partial<T>
}
