import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { brandingQuery } from '@/api/branding'
import { chooseLanguage } from '@/i18n/setup'
import { remembered } from '@/lib/storage'
import { PageLoader } from '@/ui/feedback/states'
import { selfQuery, signInByLink, type Self } from '../api'
import { Provider } from '../ui/Provider'
import { entry } from './entry'
import { Shell } from './Shell'
import { SignIn } from './SignIn'

const came = entry()

/** Portal is the sign-in, or what a subscriber has. A link signs in by itself: its token was in the part of the address that stays here. */
export function Portal() {
  const client = useQueryClient()
  const [ready, setReady] = useState(!came.token)
  const [stale, setStale] = useState(false)
  const self = useQuery({ ...selfQuery, enabled: ready })
  const brand = useQuery(brandingQuery(came.realm)).data
  const shown = self.data?.branding ?? brand

  useEffect(() => {
    if (!came.token || ready) return
    signInByLink(came.token).catch(() => setStale(true)).finally(() => setReady(true))
  }, [ready])
  useEffect(() => {
    if (self.data && !remembered('language')) void chooseLanguage(self.data.language, false)
  }, [self.data])
  useEffect(() => {
    document.title = shown?.title ?? 'Culvert'
  }, [shown?.title])

  const enter = () => client.fetchQuery({ ...selfQuery, staleTime: 0 }) as Promise<Self>
  return (
    <Provider accent={shown?.accent ?? ''}>
      {!ready || (self.isPending && self.isFetching)
        ? <PageLoader />
        : self.data ? <Shell self={self.data} brand={shown} /> : <SignIn brand={brand} realm={came.realm} stale={stale} enter={enter} />}
    </Provider>
  )
}
