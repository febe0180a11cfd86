import { SimpleGrid, Stack, Title, VisuallyHidden } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { spread } from '@/lib/buckets'
import { Traffic } from '@/ui/chart/Traffic'
import { Loaded } from '@/ui/feedback/states'
import { Section } from '@/ui/layout/Section'
import { usageQuery, type Self } from '../api'
import { Connect } from './Connect'
import { PlanCard } from './PlanCard'
import { Trouble } from './Trouble'
import { UsageCard } from './UsageCard'

const month = 30 * 86_400_000

export function HomePage({ self }: { self: Self }) {
  const { t } = useTranslation()
  const usage = useQuery(usageQuery)
  return (
    <Stack gap="md">
      <VisuallyHidden><Title order={1}>{t('portal.page.home')}</Title></VisuallyHidden>
      <Trouble />
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md">
        <UsageCard self={self} />
        <PlanCard self={self} />
      </SimpleGrid>
      <Connect />
      <Section title={t('portal.traffic')} hint={t('portal.trafficHint')}>
        <Loaded query={usage} rows={6}>
          {(buckets) => <Traffic step="day" height={200} points={spread(buckets, new Date(Date.now() - month), new Date(), 'day')} />}
        </Loaded>
      </Section>
    </Stack>
  )
}
