import { SegmentedControl, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Bucket, Subscriber } from '@/api/types'
import { Traffic } from '@/ui/chart/Traffic'
import { spread } from '@/lib/buckets'
import { Loaded } from '@/ui/feedback/states'
import { usageQuery } from '../api/detail'

const spans = { day: { step: 'hour', hours: 24 }, week: { step: 'hour', hours: 168 }, month: { step: 'day', hours: 720 } } as const
type Span = keyof typeof spans

export function UsageTab({ subscriber: s }: { subscriber: Subscriber }) {
  const { t } = useTranslation()
  const [span, setSpan] = useState<Span>('month')
  const { step, hours } = spans[span]
  const from = useMemo(() => new Date(Math.floor(Date.now() / 3_600_000 - hours) * 3_600_000), [hours])
  const query = useQuery(usageQuery(s.id, step, from.toISOString()))
  return (
    <Stack>
      <SegmentedControl size="xs" aria-label={t('traffic.span')} value={span} onChange={(v) => setSpan(v as Span)} data={(['day', 'week', 'month'] as const).map((value) => ({ value, label: t(`traffic.${value}`) }))} />
      <Loaded query={query} rows={8}>{(buckets: Bucket[]) => <Traffic step={step} points={spread(buckets, from, new Date(), step)} />}</Loaded>
    </Stack>
  )
}
