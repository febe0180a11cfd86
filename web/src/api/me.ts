import { queryOptions, useSuspenseQuery } from '@tanstack/react-query'
import { allows } from '@/lib/permissions'
import { api, data } from './client'
import type { Me } from './types'

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: () => data<Me>(api.GET('/me')),
  staleTime: 5 * 60_000,
  retry: false,
})

/** useMe is who is signed in; the shell has loaded it before any page is drawn. */
export const useMe = () => useSuspenseQuery(meQuery).data

/** useMay tells what to show. The panel decides what is done. */
export function useMay() {
  const me = useMe()
  return (permission: string) => allows(me.permissions, permission)
}
