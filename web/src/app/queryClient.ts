import { QueryClient } from '@tanstack/react-query'
import { asApiError } from '@/lib/problem'

/** What the panel refuses is not asked again; what it could not answer is, twice. */
const again = (count: number, e: unknown) => {
  const { status } = asApiError(e)
  return count < 2 && (status === 0 || status >= 502)
}

export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: again, staleTime: 10_000, refetchOnWindowFocus: true }, mutations: { retry: false } },
})
