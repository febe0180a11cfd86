import { useQuery } from '@tanstack/react-query'
import { useEffect, type ReactNode } from 'react'
import { brandingQuery } from '@/api/branding'
import { meQuery } from '@/api/me'
import { UiProvider } from '@/ui/UiProvider'

/** Branded draws everything in the colours of whose panel this is: by the person signed in, before that by the host. */
export function Branded({ children }: { children: ReactNode }) {
  const me = useQuery({ ...meQuery, enabled: false }).data
  const { data } = useQuery(brandingQuery(me?.realm))
  const title = data?.title || 'Culvert'
  useEffect(() => {
    document.documentElement.dataset.brand = title
  }, [title])
  return <UiProvider accent={data?.accent ?? ''}>{children}</UiProvider>
}
