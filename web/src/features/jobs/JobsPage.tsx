import { Chip, Code, Group, Modal, Select, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { ListChecks } from 'lucide-react'
import { useState } from 'react'
import { nodesQuery } from '@/api/lookups'
import type { Job } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { Facts } from '@/ui/data/Facts'
import { Empty } from '@/ui/feedback/states'
import { JobPill } from '@/ui/jobs/JobPill'
import { Page } from '@/ui/layout/Page'
import { CardTable } from '@/ui/table/CardTable'
import { jobsQuery } from './api'

const route = getRouteApi('/shell/jobs')

export function JobsPage() {
  const { t, f } = useWords()
  const { node, state } = route.useSearch()
  const navigate = useNavigate({ from: '/jobs' })
  const nodes = useQuery(nodesQuery).data ?? []
  const query = useQuery(jobsQuery(node))
  const [open, setOpen] = useState<Job>()
  const nameOf = (id: string) => nodes.find((n) => n.id === id)?.name ?? id
  const rows = { ...query, data: query.data?.filter((j) => !state || j.state === state || j.state === 'expired') }
  return (
    <Page title={t('app.page.jobs')} hint={t('jobs.hint')}>
      <Group mb="md" gap="sm">
        <Select aria-label={t('jobs.node')} placeholder={t('jobs.anyNode')} clearable allowDeselect searchable w={220} data={nodes.map((n) => ({ value: n.id, label: n.name }))} value={node ?? null} onChange={(v) => void navigate({ search: (o) => ({ ...o, node: v ?? undefined }) })} />
        <Chip size="sm" variant="light" checked={state === 'failed'} onChange={(on) => void navigate({ search: (o) => ({ ...o, state: on ? 'failed' : undefined }) })}>{t('jobs.onlyFailed')}</Chip>
      </Group>
      <CardTable
        label={t('app.page.jobs')} query={rows} id={(j) => j.id} onOpen={setOpen} empty={<Empty icon={ListChecks} title={t('jobs.empty')}>{t('jobs.emptyHint')}</Empty>}
        columns={[
          { key: 'kind', title: t('jobs.kind'), width: 'minmax(110px,1fr)', cell: (j) => j.kind },
          { key: 'state', title: t('jobs.status'), width: '140px', cell: (j) => <JobPill state={j.state} /> },
          { key: 'node', title: t('jobs.node'), width: 'minmax(100px,1fr)', cell: (j) => nameOf(j.node) },
          { key: 'error', title: t('jobs.result'), width: 'minmax(120px,2fr)', cell: (j) => j.error && <span title={j.error}>{j.error}</span> },
          { key: 'by', title: t('jobs.by'), width: 'minmax(80px,0.8fr)', hide: 'lg', cell: (j) => j.actor },
          { key: 'at', title: t('jobs.at'), width: '130px', cell: (j) => <RelativeTime at={j.created_at} /> },
        ]}
      />
      <Modal opened={Boolean(open)} onClose={() => setOpen(undefined)} size="lg" title={<Text fw={650}>{open?.kind}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {open && (
          <Stack>
            <Facts of={[[t('jobs.status'), <JobPill key="s" state={open.state} />], [t('jobs.node'), nameOf(open.node)], [t('jobs.by'), open.actor], [t('jobs.at'), f.dateTime(open.created_at)], [t('jobs.took'), open.finished_at ? f.span(Date.parse(open.finished_at) - Date.parse(open.created_at)) : undefined], [t('jobs.result'), open.error], ['ID', open.id]]} />
            {open.output != null && <Code block tabIndex={0}>{JSON.stringify(open.output, null, 2)}</Code>}
          </Stack>
        )}
      </Modal>
    </Page>
  )
}
