import '@/ui/styles'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { rememberedBranding } from '@/api/branding'
import { onSignedOut } from '@/api/client'
import { portalWords } from '@/i18n/portal'
import { firstLanguage, startI18n } from '@/i18n/setup'
import { asApiError } from '@/lib/problem'
import { shareNonce } from '@/ui/nonce'
import { selfQuery } from './api'
import { Portal } from './app/Portal'

shareNonce()

/** What the panel refuses is not asked again; what it could not answer is. */
const again = (count: number, e: unknown) => count < 2 && [0, 502, 503, 504].includes(asApiError(e).status)
const client = new QueryClient({ defaultOptions: { queries: { retry: again, staleTime: 10_000 } } })

onSignedOut(() => client.setQueryData(selfQuery.queryKey, undefined))

const root = document.getElementById('root')
if (!root) throw new Error('the page has no #root')

void startI18n(portalWords, firstLanguage(rememberedBranding().language)).then(() => {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}><Portal /></QueryClientProvider>
    </StrictMode>,
  )
})
