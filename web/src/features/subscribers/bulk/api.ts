import { queryOptions } from '@tanstack/react-query'
import { raw } from '@/api/client'
import type { Filter } from '../api/list'

/** Contract of POST /bulk-operations. */
export type Action = 'suspend' | 'unsuspend' | 'extend' | 'delete' | 'grant' | 'change_plan'

export interface BulkRequest {
  action: Action
  ids?: string[]
  filter?: Filter
  days?: number
  bytes?: number
  plan?: string
  reason?: string
}

export interface Preview {
  count: number
  /** What would change of each: a field's value, or the one before and the one after. */
  sample: { id: string; name: string; change: Record<string, unknown> }[]
  refused: { id: string; name: string; why: string }[]
  refused_count: number
}

export interface BulkOperation {
  id: string
  action: Action
  status: string
  total: number
  done: number
  failed: number
  faults: { name?: string; id?: string; why: string }[] | null
}

const json = async <T>(path: string, method: string, body?: unknown): Promise<T> =>
  (await raw(path, { method, body: body === undefined ? undefined : JSON.stringify(body), headers: body === undefined ? {} : { 'Content-Type': 'application/json' } })).json() as Promise<T>

export const preview = (r: BulkRequest) => json<Preview>('/bulk-operations', 'POST', { ...r, preview: true })
export const start = (r: BulkRequest) => json<BulkOperation>('/bulk-operations', 'POST', r)
export const cancel = (id: string) => json<BulkOperation>(`/bulk-operations/${id}/cancel`, 'POST')

const over = new Set(['done', 'failed', 'canceled', 'cancelled'])
export const isOver = (o: BulkOperation) => over.has(o.status)

export const operationQuery = (id: string) =>
  queryOptions({ queryKey: ['bulk', id], queryFn: () => json<BulkOperation>(`/bulk-operations/${id}`, 'GET'), refetchInterval: (q) => (q.state.data && isOver(q.state.data) ? false : 1000) })
