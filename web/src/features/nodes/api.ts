import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, data, versioned } from '@/api/client'
import type { Body, Certificate, Ingress, Node, NodeGroup } from '@/api/types'

const path = (id: string) => ({ path: { id } })
const at = (o: { id: string; version: number }) => ({ path: { id: o.id }, header: versioned(o) })

export const nodeQuery = (id: string) => queryOptions({ queryKey: ['nodes', id], queryFn: () => data(api.GET('/nodes/{id}', { params: path(id) })) })

export const createNode = (body: Body<'CreateNodeBody'>) => data(api.POST('/nodes', { body }))
export const updateNode = (n: Node, body: Body<'PatchNodeBody'>) => data(api.PATCH('/nodes/{id}', { params: at(n), body }))
export const deleteNode = (n: Node) => data(api.DELETE('/nodes/{id}', { params: at(n) }))
export const enrolToken = (id: string) => data(api.POST('/nodes/{id}/enrol-token', { params: path(id), body: {} }))
export const suspendNode = (n: Node) => data(api.POST('/nodes/{id}/suspend', { params: at(n) }))
export const resumeNode = (n: Node) => data(api.POST('/nodes/{id}/unsuspend', { params: at(n) }))
export const revokeNode = (n: Node) => data(api.POST('/nodes/{id}/revoke', { params: at(n) }))

export const nodeSessionsQuery = (node: string) =>
  infiniteQueryOptions({
    queryKey: ['node-sessions', node],
    queryFn: ({ pageParam }) => data(api.GET('/live-sessions', { params: { query: { node, limit: 50, cursor: pageParam || undefined } } })),
    initialPageParam: '', getNextPageParam: (p) => p.next || undefined, refetchInterval: 10_000,
  })

export const nodeJobsQuery = (node: string) =>
  queryOptions({ queryKey: ['jobs', node], queryFn: async () => (await data(api.GET('/jobs', { params: { query: { node, limit: 30 } } }))).items, refetchInterval: 10_000 })

export const createIngress = (body: Body<'CreateIngressBody'>) => data(api.POST('/ingresses', { body: body as never }))
export const updateIngress = (g: Ingress, body: Body<'PatchIngressBody'>) => data(api.PATCH('/ingresses/{id}', { params: at(g), body: body as never }))
export const deleteIngress = (g: Ingress) => data(api.DELETE('/ingresses/{id}', { params: path(g.id) }))

export const createCertificate = (body: Body<'CreateCertBody'>) => data(api.POST('/certificates', { body }))
export const replaceCertificate = (c: Certificate, body: Body<'ReplaceCertBody'>) => data(api.PUT('/certificates/{id}', { params: at(c), body }))
export const deleteCertificate = (c: Certificate) => data(api.DELETE('/certificates/{id}', { params: path(c.id) }))

export const createGroup = (body: Body<'CreateGroupBody'>) => data(api.POST('/node-groups', { body }))
export const updateGroup = (g: NodeGroup, body: Body<'PatchGroupBody'>) => data(api.PATCH('/node-groups/{id}', { params: at(g), body }))
export const deleteGroup = (g: NodeGroup) => data(api.DELETE('/node-groups/{id}', { params: at(g) }))
