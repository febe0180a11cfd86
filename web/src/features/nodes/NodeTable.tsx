import { Button, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Server } from 'lucide-react'
import { ingressesQuery, nodesQuery } from '@/api/lookups'
import type { Node } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { Empty } from '@/ui/feedback/states'
import { CardTable } from '@/ui/table/CardTable'
import type { Column } from '@/ui/table/column'
import { NodeStatus, Revision, refusalOf } from './state'

export function NodeTable({ onAdd }: { onAdd?: () => void }) {
  const { t, f } = useWords()
  const nodes = useQuery(nodesQuery)
  const ingresses = useQuery(ingressesQuery()).data
  const navigate = useNavigate()
  const columns: Column<Node>[] = [
    {
      key: 'name', title: t('common.name'), width: 'minmax(150px,1.4fr)',
      cell: (n) => <Stack gap={0} component="span"><Text span inherit truncate>{n.name}</Text><Text span size="xs" c="dimmed" fw={400} truncate>{[n.host, n.region].filter(Boolean).join(' · ')}</Text></Stack>,
    },
    { key: 'state', title: t('nodes.status'), width: '140px', cell: (n) => <NodeStatus node={n} /> },
    {
      key: 'revision', title: t('nodes.revision'), width: 'minmax(150px,1.4fr)',
      cell: (n) => <Stack gap={2} component="span" align="flex-start"><Revision node={n} />{refusalOf(n) && <Text span size="xs" c="var(--c-bad)" truncate maw="100%" title={refusalOf(n)}>{refusalOf(n)}</Text>}</Stack>,
    },
    { key: 'services', title: t('nodes.services'), align: 'right', width: '90px', cell: (n) => (ingresses ? f.number(ingresses.filter((g) => g.node_id === n.id).length) : '') },
    { key: 'version', title: t('nodes.version'), width: '110px', hide: 'lg', cell: (n) => n.agent_version || '–' },
    { key: 'seen', title: t('nodes.seen'), width: '130px', cell: (n) => <RelativeTime at={n.seen_at} never={t('common.never')} /> },
  ]
  return (
    <CardTable
      label={t('app.page.nodes')} query={nodes} id={(n) => n.id} columns={columns} onOpen={(n) => void navigate({ to: '/nodes/$id', params: { id: n.id } })}
      empty={<Empty icon={Server} title={t('nodes.empty')} action={onAdd && <Button onClick={onAdd}>{t('nodes.add')}</Button>}>{t('nodes.emptyHint')}</Empty>}
    />
  )
}
