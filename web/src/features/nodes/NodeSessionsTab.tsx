import { Anchor, Button, Group } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { PlugZap } from 'lucide-react'
import { protocolName } from '@/api/lookups'
import type { Node, Session } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { Empty, Fault, Waiting } from '@/ui/feedback/states'
import { DataTable } from '@/ui/table/DataTable'
import { nodeSessionsQuery } from './api'

export function NodeSessionsTab({ node }: { node: Node }) {
  const { t, f } = useWords()
  const query = useInfiniteQuery(nodeSessionsQuery(node.id))
  const rows = query.data?.pages.flatMap((p) => p.items) ?? []
  if (query.isPending) return <Waiting />
  if (query.error) return <Fault error={query.error} retry={() => void query.refetch()} />
  if (rows.length === 0) return <Empty icon={PlugZap} title={t('nodes.noSessions')} />
  return (
    <>
      <DataTable<Session>
        label={t('nodes.tab.sessions')} rows={rows} id={(r) => r.id}
        columns={[
          { key: 'from', title: t('subscribers.from'), width: 'minmax(130px,1fr)', cell: (r) => r.source || '–' },
          { key: 'who', title: t('nodes.who'), width: 'minmax(130px,1fr)', cell: (r) => <Anchor size="sm" renderRoot={(p) => <Link to="/subscribers" search={{ open: r.subscriber_id }} {...p} />}>{r.subscriber_id.slice(0, 16)}…</Anchor> },
          { key: 'kind', title: t('subscribers.protocol'), width: '120px', cell: (r) => protocolName(r.kind) },
          { key: 'since', title: t('subscribers.since'), width: '130px', cell: (r) => <RelativeTime at={r.opened_at} /> },
          { key: 'rate', title: t('nodes.rate'), width: '110px', align: 'right', cell: (r) => f.rate(r.rate_down + r.rate_up) },
          { key: 'bytes', title: t('form.traffic'), width: '100px', align: 'right', cell: (r) => f.bytes(r.up + r.down) },
        ]}
      />
      {query.hasNextPage && <Group justify="center" mt="md"><Button variant="subtle" onClick={() => void query.fetchNextPage()}>{t('common.loadMore')}</Button></Group>}
    </>
  )
}
