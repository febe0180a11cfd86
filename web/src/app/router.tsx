import { createRouter } from '@tanstack/react-router'
import { Fault, PageLoader } from '@/ui/feedback/states'
import { NotFound } from './NotFound'
import { queryClient } from './queryClient'
import { tree } from './routes'

export const router = createRouter({
  routeTree: tree,
  context: { queryClient },
  defaultPreload: 'intent',
  defaultPreloadStaleTime: 0,
  defaultPendingMs: 200,
  scrollRestoration: true,
  defaultPendingComponent: PageLoader,
  defaultErrorComponent: ({ error, reset }) => <Fault error={error} retry={reset} />,
  defaultNotFoundComponent: NotFound,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
  interface StaticDataRouteOption {
    /** What one must be allowed to see the page; the panel checks every request by itself. */
    need?: string
    operator?: boolean
  }
}
