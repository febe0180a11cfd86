import { compact, flag, oneOf, type Search } from '@/lib/search'

export const nodeTabs = ['services', 'sessions', 'jobs', 'details'] as const
export const nodesTabs = ['nodes', 'certificates', 'groups'] as const

export const nodeSearch = (s: Search) => compact({ tab: oneOf(s, 'tab', nodeTabs) })
export const nodesSearch = (s: Search) => compact({ tab: oneOf(s, 'tab', nodesTabs), add: flag(s, 'add') || undefined })
