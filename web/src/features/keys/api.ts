import { queryOptions } from '@tanstack/react-query'
import { api, data } from '@/api/client'
import type { AccessKey, Body } from '@/api/types'

export const keysQuery = queryOptions({ queryKey: ['keys'], queryFn: async () => (await data(api.GET('/access-keys', { params: { query: { limit: 500 } } }))).items })

const path = (k: AccessKey) => ({ path: { id: k.id } })
export const createKey = (body: Body<'CreateKeyBody'>) => data(api.POST('/access-keys', { body }))
export const rotateKey = (k: AccessKey) => data(api.POST('/access-keys/{id}/rotate', { params: path(k) }))
export const revokeKey = (k: AccessKey) => data(api.DELETE('/access-keys/{id}', { params: path(k) }))
