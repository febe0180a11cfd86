import { api, data } from '@/api/client'

/** signIn sets the session cookie, which scripts cannot read. */
export const signIn = (name: string, password: string) => data(api.POST('/sessions', { body: { name, password, cookie: true } }))

export const changePassword = (old_password: string, new_password: string) => data(api.POST('/me/password', { body: { old_password, new_password } }))
