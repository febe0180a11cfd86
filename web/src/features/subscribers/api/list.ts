import { infiniteQueryOptions } from '@tanstack/react-query'
import { api, data } from '@/api/client'
import { compact } from '@/lib/search'
import { daysFromNow } from '@/lib/time'
import type { SubscribersSearch } from '../search'

const pageSize = 100

/** filterOf is what the panel is asked for; the same filter is what bulk operations and exports act on. */
export function filterOf(s: SubscribersSearch) {
  return compact({
    q: s.q, status: s.status, plan: s.plan, online: s.online === undefined ? undefined : s.online ? ('true' as const) : ('false' as const), tenant: s.tenant, tree: s.tree,
    // to the hour, so that the address of a page stays a key for its answers
    expires_before: s.expiring ? new Date(Math.ceil(daysFromNow(7).getTime() / 3_600_000) * 3_600_000).toISOString() : undefined,
  })
}

export type Filter = ReturnType<typeof filterOf>

export const subscribersQuery = (s: SubscribersSearch) => {
  const query = { ...filterOf(s), sort: s.sort ?? 'name' }
  return infiniteQueryOptions({
    queryKey: ['subscribers', 'list', query],
    queryFn: ({ pageParam }) => data(api.GET('/subscribers', { params: { query: { ...query, limit: pageSize, cursor: pageParam || undefined } } })),
    initialPageParam: '',
    getNextPageParam: (last) => last.next || undefined,
    maxPages: 2000,
  })
}
