import { api, data, versioned } from '@/api/client'
import type { Body, Subscriber } from '@/api/types'

type S = Pick<Subscriber, 'id' | 'version'>

const at = (s: S) => ({ path: { id: s.id }, header: versioned(s) })
const path = (id: string) => ({ path: { id } })

export const createSubscriber = (body: Body<'CreateSubscriberBody'>) => data(api.POST('/subscribers', { body }))
export const updateSubscriber = (s: S, body: Body<'PatchSubscriberBody'>) => data(api.PATCH('/subscribers/{id}', { params: at(s), body }))
export const deleteSubscriber = (s: S) => data(api.DELETE('/subscribers/{id}', { params: at(s) }))
export const suspend = (s: S, reason: Body<'SuspendRequestBody'>['reason']) => data(api.POST('/subscribers/{id}/suspend', { params: at(s), body: { reason } }))
export const unsuspend = (s: S) => data(api.POST('/subscribers/{id}/unsuspend', { params: at(s) }))
export const resetUsage = (s: S) => data(api.POST('/subscribers/{id}/reset-usage', { params: at(s) }))
export const grant = (id: string, bytes: number) => data(api.POST('/subscribers/{id}/grants', { params: path(id), body: { bytes } }))
export const changePlan = (s: S, plan: string, force: boolean) => data(api.POST('/subscribers/{id}/plan', { params: at(s), body: { plan, force } }))
export const setPassword = (s: S, password: string) => data(api.POST('/subscribers/{id}/password', { params: at(s), body: { password } }))
export const rotateSecrets = (s: S) => data(api.POST('/subscribers/{id}/rotate-secrets', { params: at(s), body: {} }))
export const kick = (id: string, session?: string) => data(api.POST('/subscribers/{id}/kick', { params: path(id), body: { session } }))
