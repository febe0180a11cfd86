import { queryOptions } from '@tanstack/react-query'
import { api, data } from './client'
import type { Certificate, Ingress, Node, NodeGroup, Plan, Tenant } from './types'

/** Short lists that several pages choose from. */
const few = { limit: 500 } as const
const calm = { staleTime: 30_000 } as const

export const plansQuery = queryOptions({
  queryKey: ['plans'], ...calm,
  queryFn: async (): Promise<Plan[]> => (await data(api.GET('/plans', { params: { query: few } }))).items,
})

/** The node groups that the tenant may use: names for forms. */
export const grantedGroupsQuery = queryOptions({
  queryKey: ['groups', 'granted'], ...calm,
  queryFn: async () => (await data(api.GET('/granted-node-groups'))).items,
})

export const groupsQuery = queryOptions({
  queryKey: ['groups'], ...calm,
  queryFn: async (): Promise<NodeGroup[]> => (await data(api.GET('/node-groups', { params: { query: few } }))).items,
})

export const nodesQuery = queryOptions({
  queryKey: ['nodes'],
  queryFn: async (): Promise<Node[]> => (await data(api.GET('/nodes', { params: { query: few } }))).items,
})

export const ingressesQuery = (node?: string) =>
  queryOptions({
    queryKey: ['ingresses', node ?? ''],
    queryFn: async (): Promise<Ingress[]> => (await data(api.GET('/ingresses', { params: { query: { ...few, node } } }))).items,
  })

export const certificatesQuery = queryOptions({
  queryKey: ['certificates'], ...calm,
  queryFn: async (): Promise<Certificate[]> => (await data(api.GET('/certificates', { params: { query: few } }))).items,
})

export const tenantsQuery = queryOptions({
  queryKey: ['tenants'], ...calm,
  queryFn: async (): Promise<Tenant[]> => (await data(api.GET('/tenants', { params: { query: few } }))).items,
})

/** What is sold: the names of the protocols are the same in every language. */
export const protocolNames = { hysteria2: 'Hysteria 2', http: 'HTTP', wireguard: 'WireGuard', shadowsocks: 'Shadowsocks', socks5: 'SOCKS5' } as const

export const protocolName = (kind: string) => (protocolNames as Record<string, string>)[kind] ?? kind
export const protocolChoices = Object.entries(protocolNames).map(([value, label]) => ({ value, label }))
