import { keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query'
import { api, data } from '@/api/client'
import { useTopic } from '@/api/live'

const overviewQuery = queryOptions({ queryKey: ['overview'], queryFn: () => data(api.GET('/overview', { params: { query: { tree: true } } })), staleTime: 30_000 })

/** useOverview is the sums of the whole subtree: read once, from then on as the stream tells them. */
export function useOverview() {
  const query = useQuery(overviewQuery)
  const live = Object.values(useTopic('overview')?.items ?? {})[0] as typeof query.data
  return { ...query, data: live ?? query.data }
}

export const trafficQuery = (step: 'hour' | 'day', from: string) =>
  queryOptions({
    queryKey: ['traffic', step, from], refetchInterval: 60_000, placeholderData: keepPreviousData,
    queryFn: async () => (await data(api.GET('/traffic', { params: { query: { step, from, tree: true } } }))).items,
  })
