import { queryOptions } from '@tanstack/react-query'
import { api, data } from '@/api/client'

export const jobsQuery = (node?: string) =>
  queryOptions({ queryKey: ['jobs', node ?? ''], queryFn: async () => (await data(api.GET('/jobs', { params: { query: { node, limit: 200 } } }))).items, refetchInterval: 10_000 })
