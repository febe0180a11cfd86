import { compact, text, type Search } from '@/lib/search'

/** Where to go after signing in: a path of this site, never another site. */
export const signInSearch = (s: Search) => {
  const next = text(s, 'next', 512)
  return compact({ realm: text(s, 'realm', 63), next: next?.startsWith('/') && !next.startsWith('//') ? next : undefined })
}
