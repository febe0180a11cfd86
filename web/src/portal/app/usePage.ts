import { useSyncExternalStore } from 'react'

export const pages = ['', 'devices', 'connections', 'help'] as const
export type PageName = (typeof pages)[number]

const base = '/portal'
const subscribe = (f: () => void) => {
  window.addEventListener('popstate', f)
  return () => window.removeEventListener('popstate', f)
}
const current = (): PageName => pages.find((p) => p && window.location.pathname === `${base}/${p}`) ?? ''

export const pathOf = (page: PageName) => (page ? `${base}/${page}` : base) + window.location.search

/** go shows a page; the browser's back button comes back. */
export function go(page: PageName): void {
  window.history.pushState(null, '', pathOf(page))
  window.dispatchEvent(new PopStateEvent('popstate'))
  window.scrollTo(0, 0)
}

export const usePage = () => useSyncExternalStore(subscribe, current)
