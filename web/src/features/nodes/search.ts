import { compact, oneOf, type Search } from '@/lib/search'

export const nodeTabs = ['services', 'sessions', 'jobs', 'settings'] as const

export const nodeSearch = (s: Search) => compact({ tab: oneOf(s, 'tab', nodeTabs) })
