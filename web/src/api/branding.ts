import { queryOptions } from '@tanstack/react-query'
import { remember, remembered } from '@/lib/storage'
import { prefix } from './client'

export interface Branding {
  realm: string
  title: string
  accent: string
  logo_url: string
  support_url: string
  support_email: string
  language: string
}

const plain: Branding = { realm: '', title: 'Culvert', accent: '', logo_url: '', support_url: '', support_email: '', language: '' }

/** rememberedBranding is how the pages looked last time: the first drawing has the right colours already. */
export function rememberedBranding(): Branding {
  try {
    return { ...plain, ...(JSON.parse(remembered('branding') ?? '{}') as Partial<Branding>) }
  } catch {
    return plain
  }
}

/** brandingQuery never fails: pages without it are plain, not broken. */
export const brandingQuery = (realm = '') =>
  queryOptions({
    queryKey: ['branding', realm],
    queryFn: async (): Promise<Branding> => {
      const r = await fetch(`${prefix}/branding${realm ? `?realm=${encodeURIComponent(realm)}` : ''}`).catch(() => undefined)
      if (!r?.ok) return rememberedBranding()
      const b = { ...plain, ...((await r.json()) as Partial<Branding>) }
      remember('branding', JSON.stringify(b))
      return b
    },
    staleTime: 10 * 60_000,
    placeholderData: rememberedBranding,
  })
