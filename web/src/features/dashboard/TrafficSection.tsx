import { SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import type { Overview } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { spread } from '@/lib/buckets'
import { Traffic } from '@/ui/chart/Traffic'
import { Loaded } from '@/ui/feedback/states'
import { Section } from '@/ui/layout/Section'
import { trafficQuery } from './api'

const spans = { day: { step: 'hour', hours: 24 }, week: { step: 'hour', hours: 168 }, month: { step: 'day', hours: 720 } } as const
type Span = keyof typeof spans

export function TrafficSection({ rate }: { rate: Overview['rate'] }) {
  const { t, f } = useWords()
  const [span, setSpan] = useState<Span>('day')
  const { step, hours } = spans[span]
  const from = useMemo(() => new Date(Math.floor(Date.now() / 3_600_000 - hours) * 3_600_000), [hours])
  const query = useQuery(trafficQuery(step, from.toISOString()))
  const points = useMemo(() => query.data && spread(query.data, from, new Date(), step), [query.data, from, step])
  return (
    <Section
      title={t('dashboard.traffic')} hint={t('dashboard.now', { down: f.rate(rate.down), up: f.rate(rate.up) })}
      actions={<SegmentedControl size="xs" aria-label={t('traffic.span')} value={span} onChange={(v) => setSpan(v as Span)} data={(['day', 'week', 'month'] as const).map((value) => ({ value, label: t(`traffic.${value}`) }))} />}
    >
      <Loaded query={{ ...query, data: points }} rows={8}>{(p) => <Traffic step={step} points={p} height={260} />}</Loaded>
    </Section>
  )
}
