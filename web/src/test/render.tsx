import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { UiProvider } from '@/ui/UiProvider'

/** show renders within the design system. */
export function show(node: ReactNode) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  return render(<QueryClientProvider client={client}><UiProvider accent="">{node}</UiProvider></QueryClientProvider>)
}
