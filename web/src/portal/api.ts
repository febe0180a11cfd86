import { queryOptions } from '@tanstack/react-query'
import { api, data, raw } from '@/api/client'
import type { components } from '@/api/schema.gen'

type Schemas = components['schemas']
export type Self = Schemas['PortalSelf']
export type Endpoint = Schemas['PortalEndpoint']
export type Device = Schemas['Device']
export type Connection = Schemas['Connection']
export type SignedIn = Schemas['PortalSession']
export type Finding = Schemas['Finding']
export type Subscription = Schemas['PortalSubscription']

const minute = 60_000

export const selfQuery = queryOptions({ queryKey: ['self'], queryFn: () => data<Self>(api.GET('/portal/me')), retry: false, refetchInterval: minute })
export const usageQuery = queryOptions({ queryKey: ['usage'], queryFn: async () => (await data(api.GET('/portal/usage', { params: { query: { step: 'day' } } }))).items, staleTime: minute })
export const endpointsQuery = queryOptions({ queryKey: ['endpoints'], queryFn: async () => (await data(api.GET('/portal/endpoints'))).items, staleTime: minute })
export const subscriptionQuery = queryOptions({ queryKey: ['subscription'], queryFn: () => data<Subscription>(api.GET('/portal/subscription')), staleTime: Infinity })
export const devicesQuery = queryOptions({ queryKey: ['devices'], queryFn: async () => (await data(api.GET('/portal/devices'))).items })
export const connectionsQuery = queryOptions({ queryKey: ['connections'], queryFn: async () => (await data(api.GET('/portal/connections'))).items, refetchInterval: 5_000 })
export const signInsQuery = queryOptions({ queryKey: ['sign-ins'], queryFn: async () => (await data(api.GET('/portal/sessions'))).items })
export const diagnosisQuery = queryOptions({ queryKey: ['diagnosis'], queryFn: async () => (await data(api.GET('/portal/diagnosis'))).items, refetchInterval: 15_000 })

export const signIn = (login: string, password: string, realm: string) =>
  data(api.POST('/portal/sessions', { body: { login, password, cookie: true, ...(realm ? { realm } : {}) } }))
export const signInByLink = (token: string) => data(api.POST('/portal/sessions', { body: { token, cookie: true } }))
export const signOut = () => data(api.DELETE('/portal/sessions/current'))
export const endSignIn = (id: string) => data(api.DELETE('/portal/sessions/{id}', { params: { path: { id } } }))
export const setLanguage = (language: string) => data(api.PATCH('/portal/me', { body: { language: language as 'en' } }))
export const kick = (id: string) => data(api.POST('/portal/connections/{id}/kick', { params: { path: { id } } }))

export const addDevice = (name: string, publicKey?: string) =>
  data<Device>(api.POST('/portal/devices', { body: { name, ...(publicKey ? { public_key: publicKey } : {}) } }))
export const renameDevice = (d: Device, name: string) =>
  data(api.PATCH('/portal/devices/{id}', { params: { path: { id: d.id }, header: { 'If-Match': `"${d.version}"` } }, body: { name } }))
export const removeDevice = (id: string) => data(api.DELETE('/portal/devices/{id}', { params: { path: { id } } }))

/** deviceFile is the configuration; blank leaves a place for the private key of a device whose key the panel has not. */
export const deviceFile = async (id: string, blank = false) => (await raw(`/portal/devices/${id}/config${blank ? '?blank=true' : ''}`)).text()
