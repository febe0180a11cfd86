import '@/ui/styles'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { rememberedBranding } from '@/api/branding'
import { onSignedOut } from '@/api/client'
import { panelWords } from '@/i18n/panel'
import { firstLanguage, startI18n } from '@/i18n/setup'
import { shareNonce } from '@/ui/nonce'
import { Branded } from './Branded'
import { queryClient } from './queryClient'
import { router } from './router'

shareNonce()

onSignedOut(() => {
  const at = router.state.location
  if (at.pathname === '/sign-in') return
  queryClient.clear()
  void router.navigate({ to: '/sign-in', search: { next: at.href } })
})

const root = document.getElementById('root')
if (!root) throw new Error('the page has no #root')

void startI18n(panelWords, firstLanguage(rememberedBranding().language)).then(() => {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <Branded><RouterProvider router={router} /></Branded>
      </QueryClientProvider>
    </StrictMode>,
  )
})
