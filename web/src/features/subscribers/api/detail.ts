import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, data, raw } from '@/api/client'
import type { Body, Device, SubToken } from '@/api/types'
import { versioned } from '@/api/client'

const of = (id: string) => ({ params: { path: { id } } })

export const subscriberQuery = (id: string) => queryOptions({ queryKey: ['subscribers', 'one', id], queryFn: () => data(api.GET('/subscribers/{id}', of(id))) })

export const credentialsQuery = (id: string) => queryOptions({ queryKey: ['subscribers', 'credentials', id], queryFn: () => data(api.GET('/subscribers/{id}/credentials', of(id))), gcTime: 0 })

export const usageQuery = (id: string, step: 'hour' | 'day', from: string) =>
  queryOptions({
    queryKey: ['subscribers', 'usage', id, step, from],
    queryFn: async () => (await data(api.GET('/subscribers/{id}/usage', { params: { path: { id }, query: { step, from } } }))).items,
  })

export const sessionsQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['subscribers', 'sessions', id],
    queryFn: ({ pageParam }) => data(api.GET('/subscribers/{id}/sessions', { params: { path: { id }, query: { limit: 30, cursor: pageParam || undefined } } })),
    initialPageParam: '', getNextPageParam: (p) => p.next || undefined, refetchInterval: 10_000,
  })

export const devicesQuery = (id: string) => queryOptions({ queryKey: ['subscribers', 'devices', id], queryFn: async () => (await data(api.GET('/subscribers/{id}/devices', of(id)))).items })

export const endpointsQuery = (id: string) =>
  queryOptions({
    queryKey: ['subscribers', 'endpoints', id],
    queryFn: async () => (await data(api.GET('/subscribers/{id}/endpoints', { params: { path: { id }, query: { qr: true } } }))).items,
    gcTime: 0,
  })

export const tokensQuery = (id: string) => queryOptions({ queryKey: ['subscribers', 'tokens', id], queryFn: async () => (await data(api.GET('/subscribers/{id}/tokens', of(id)))).items })

export const auditQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['audit', 'subscriber', id],
    queryFn: ({ pageParam }) => data(api.GET('/audit', { params: { query: { object: `subscriber/${id}`, limit: 30, cursor: pageParam || undefined } } })),
    initialPageParam: '', getNextPageParam: (p) => p.next || undefined,
  })

export const addDevice = (id: string, body: Body<'CreateDeviceBody'>) => data(api.POST('/subscribers/{id}/devices', { ...of(id), body }))
export const removeDevice = (d: Device) => data(api.DELETE('/devices/{id}', { params: { path: { id: d.id }, header: versioned(d) } }))
export const setDevice = (d: Device, body: Body<'PatchDeviceBody'>) => data(api.PATCH('/devices/{id}', { params: { path: { id: d.id }, header: versioned(d) }, body }))
export const deviceLink = (id: string) => data(api.POST('/devices/{id}/links', { ...of(id), body: {} }))
export const deviceConfig = async (id: string) => (await raw(`/devices/${id}/config`)).text()
export const deviceQr = async (id: string) => (await raw(`/devices/${id}/qr`)).text()

export const addToken = (id: string, comment: string) => data(api.POST('/subscribers/{id}/tokens', { ...of(id), body: { comment } }))
export const rotateToken = (tk: SubToken) => data(api.POST('/subscription-tokens/{id}/rotate', { params: { path: { id: tk.id }, header: versioned(tk) } }))
export const revokeToken = (tk: SubToken) => data(api.DELETE('/subscription-tokens/{id}', { params: { path: { id: tk.id } } }))
