import { queryOptions } from '@tanstack/react-query'
import { api, data } from '@/api/client'
import type { OpenSession } from '@/api/types'

export const openSessionsQuery = queryOptions({ queryKey: ['my-sessions'], queryFn: async () => (await data(api.GET('/sessions', { params: { query: { limit: 200 } } }))).items })

export const changePassword = (old_password: string, new_password: string) => data(api.POST('/me/password', { body: { old_password, new_password } }))
export const changeMe = (body: { email?: string; language?: '' | 'en' | 'zh' | 'ko' | 'ru' }) => data(api.PATCH('/me', { body }))
export const endSession = (s: OpenSession) => data(api.DELETE('/sessions/{id}', { params: { path: { id: s.id } } }))
export const endOthers = () => data(api.DELETE('/sessions', {}))
