import type { QueryClient } from '@tanstack/react-query'
import { api } from '@/api/client'

/** signOut ends the session and begins anew: nothing of one person is left in memory for the next. */
export async function signOut(client: QueryClient): Promise<void> {
  await api.DELETE('/sessions/current').catch(() => undefined) // over is over
  client.clear()
  window.location.assign('/sign-in')
}
