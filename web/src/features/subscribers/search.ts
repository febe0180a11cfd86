import { compact, flag, oneOf, text, type Search } from '@/lib/search'

export const statuses = ['active', 'on_hold', 'limited', 'expired', 'suspended', 'closed'] as const
export const sorts = ['name', '-name', 'created_at', '-created_at', 'expires_at', '-expires_at', 'used', '-used'] as const
export const panelTabs = ['overview', 'usage', 'sessions', 'devices', 'links', 'audit'] as const

/** subscribersSearch is what a link to the list carries: filters, order, and whose panel is open. */
export const subscribersSearch = (s: Search) =>
  compact({
    q: text(s, 'q'),
    status: oneOf(s, 'status', statuses),
    plan: text(s, 'plan', 64),
    online: flag(s, 'online'),
    tenant: text(s, 'tenant', 64),
    tree: flag(s, 'tree') || undefined,
    expiring: flag(s, 'expiring') || undefined,
    sort: oneOf(s, 'sort', sorts),
    open: text(s, 'open', 64),
    tab: oneOf(s, 'tab', panelTabs),
    add: flag(s, 'add') || undefined,
  })

export type SubscribersSearch = ReturnType<typeof subscribersSearch>
