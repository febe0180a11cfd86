import { Button, Group } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { PlugZap } from 'lucide-react'
import { protocolName } from '@/api/lookups'
import { useMay } from '@/api/me'
import type { Session, Subscriber } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { useConfirm } from '@/ui/feedback/confirm'
import { Empty, Fault, Waiting } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import type { Column } from '@/ui/table/column'
import { DataTable } from '@/ui/table/DataTable'
import { kick } from '../api/actions'
import { sessionsQuery } from '../api/detail'

export function SessionsTab({ subscriber: s }: { subscriber: Subscriber }) {
  const { t } = useWords()
  const query = useInfiniteQuery(sessionsQuery(s.id))
  const confirm = useConfirm()
  const may = useMay()('session:write')
  const end = useAction((session?: string) => kick(s.id, session), { refresh: ['subscribers'], done: t('subscribers.kicked'), quiet: true })
  const rows = query.data?.pages.flatMap((p) => p.items) ?? []
  const ask = (session?: string) => confirm({ title: t('subscribers.kickTitle'), body: t('subscribers.kickBody'), action: t('subscribers.kick'), danger: true, run: () => end.mutateAsync(session) })
  const columns = useSessionColumns(may ? ask : undefined)
  if (query.isPending) return <Waiting />
  if (query.error) return <Fault error={query.error} retry={() => void query.refetch()} />
  if (rows.length === 0) return <Empty icon={PlugZap} title={t('subscribers.noSessions')} />
  return (
    <>
      {may && rows.some((r) => !r.closed_at) && <Group justify="flex-end" mb="sm"><Button size="xs" variant="default" onClick={() => ask()}>{t('subscribers.kickAll')}</Button></Group>}
      <DataTable label={t('subscribers.tab.sessions')} rows={rows} id={(r) => r.id} columns={columns} />
      {query.hasNextPage && <Group justify="center" mt="md"><Button variant="subtle" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t('common.loadMore')}</Button></Group>}
    </>
  )
}

function useSessionColumns(ask?: (session: string) => void): Column<Session>[] {
  const { t, f } = useWords()
  return [
    { key: 'from', title: t('subscribers.from'), width: 'minmax(110px,1.4fr)', cell: (r) => r.source || '–' },
    { key: 'kind', title: t('subscribers.protocol'), width: '100px', cell: (r) => protocolName(r.kind) },
    { key: 'since', title: t('subscribers.since'), width: '110px', cell: (r) => <RelativeTime at={r.opened_at} /> },
    { key: 'bytes', title: t('form.traffic'), width: '84px', align: 'right', cell: (r) => f.bytes(r.up + r.down) },
    {
      key: 'state', title: '', width: '92px', align: 'right',
      cell: (r) => (r.closed_at ? <span style={{ color: 'var(--c-soft)' }}>{t('subscribers.ended')}</span> : ask ? <Button size="compact-xs" variant="default" onClick={() => ask(r.id)}>{t('subscribers.kick')}</Button> : t('common.onlineWord')),
    },
  ]
}
