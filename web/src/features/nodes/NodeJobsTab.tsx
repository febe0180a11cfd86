import { useQuery } from '@tanstack/react-query'
import { ListChecks } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Node } from '@/api/types'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { Empty } from '@/ui/feedback/states'
import { JobPill } from '@/ui/jobs/JobPill'
import { CardTable } from '@/ui/table/CardTable'
import { nodeJobsQuery } from './api'

export function NodeJobsTab({ node }: { node: Node }) {
  const { t } = useTranslation()
  const query = useQuery(nodeJobsQuery(node.id))
  return (
    <CardTable
      label={t('nodes.tab.jobs')} query={query} id={(j) => j.id} empty={<Empty icon={ListChecks} title={t('jobs.empty')} />}
      columns={[
        { key: 'kind', title: t('jobs.kind'), width: 'minmax(110px,1fr)', cell: (j) => j.kind },
        { key: 'state', title: t('jobs.status'), width: '130px', cell: (j) => <JobPill state={j.state} /> },
        { key: 'error', title: t('jobs.result'), width: 'minmax(120px,2fr)', cell: (j) => j.error && <span title={j.error}>{j.error}</span> },
        { key: 'at', title: t('jobs.at'), width: '130px', cell: (j) => <RelativeTime at={j.created_at} /> },
      ]}
    />
  )
}
