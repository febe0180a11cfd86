import { compact, oneOf, type Search } from '@/lib/search'

export const settingsTabs = ['branding', 'profiles'] as const

export const settingsSearch = (s: Search) => compact({ tab: oneOf(s, 'tab', settingsTabs) })
