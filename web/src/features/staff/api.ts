import { queryOptions } from '@tanstack/react-query'
import { api, data, versioned } from '@/api/client'
import type { Body, Login } from '@/api/types'

const at = (l: Login) => ({ path: { id: l.id }, header: versioned(l) })
const path = (l: Login) => ({ path: { id: l.id } })

export const loginsQuery = queryOptions({ queryKey: ['logins'], queryFn: async () => (await data(api.GET('/logins', { params: { query: { limit: 500 } } }))).items })

export const createLogin = (body: Body<'CreateLoginBody'>) => data(api.POST('/logins', { body }))
export const updateLogin = (l: Login, body: Body<'PatchLoginBody'>) => data(api.PATCH('/logins/{id}', { params: at(l), body }))
export const deleteLogin = (l: Login) => data(api.DELETE('/logins/{id}', { params: path(l) }))
export const suspendLogin = (l: Login) => data(api.POST('/logins/{id}/suspend', { params: at(l) }))
export const resumeLogin = (l: Login) => data(api.POST('/logins/{id}/unsuspend', { params: at(l) }))
export const resetPassword = (l: Login) => data(api.POST('/logins/{id}/reset-password', { params: path(l) }))
export const endSessions = (l: Login) => data(api.DELETE('/sessions', { params: { query: { login: l.id } } }))
