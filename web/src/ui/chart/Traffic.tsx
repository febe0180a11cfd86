import { Skeleton } from '@mantine/core'
import { Suspense, lazy, type ComponentProps } from 'react'

const Chart = lazy(() => import('./TrafficChart').then((m) => ({ default: m.TrafficChart })))

/** Traffic is the chart, whose code is fetched when the first one is shown. */
export function Traffic(p: ComponentProps<typeof Chart>) {
  return <Suspense fallback={<Skeleton height={(p.height ?? 240) + 26} aria-busy />}><Chart {...p} /></Suspense>
}
