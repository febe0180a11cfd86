import { SimpleGrid, Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMay, useMe } from '@/api/me'
import type { Overview } from '@/api/types'
import { Empty, Loaded } from '@/ui/feedback/states'
import { Page } from '@/ui/layout/Page'
import { useOverview } from './api'
import { Checklist } from './Checklist'
import { ExpiringSoon } from './ExpiringSoon'
import { FailedJobs } from './FailedJobs'
import { NodeSummary } from './NodeSummary'
import { Tiles } from './Tiles'
import { TrafficSection } from './TrafficSection'

export function DashboardPage() {
  const { t } = useTranslation()
  const may = useMay()
  return <Page title={t('app.page.dashboard')}>{may('usage:read') ? <Board /> : <Empty title={t('dashboard.nothing')} />}</Page>
}

function Board() {
  const query = useOverview()
  const me = useMe()
  const may = useMay()
  const nodes = me.operator && may('node:read')
  return (
    <Loaded query={query} rows={8}>
      {(o: Overview) => (
        <Stack gap="lg">
          <Checklist done={o.checklist} operator={me.operator} />
          <Tiles of={o} />
          <TrafficSection rate={o.rate} />
          <SimpleGrid cols={{ base: 1, md: nodes ? 2 : 1 }} spacing="lg">
            {may('subscriber:read') && <ExpiringSoon count={o.expiring} />}
            {nodes && <Stack gap="lg"><NodeSummary /><FailedJobs count={o.failed_jobs ?? 0} /></Stack>}
          </SimpleGrid>
        </Stack>
      )}
    </Loaded>
  )
}
