import { Button, Text } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { SearchX, Users } from 'lucide-react'
import { useCallback, useMemo } from 'react'
import { useWords } from '@/i18n/useWords'
import { Empty, Fault, Waiting } from '@/ui/feedback/states'
import type { Selection } from '@/ui/table/column'
import { DataTable } from '@/ui/table/DataTable'
import { filterOf, subscribersQuery } from '../api/list'
import type { SubscribersSearch } from '../search'
import { useSubscriberColumns } from './columns'
import { Count } from './Count'

interface Props {
  search: SubscribersSearch
  set: (change: Partial<SubscribersSearch>) => void
  selection?: Selection
}

export function SubscriberTable({ search, set, selection }: Props) {
  const { t } = useWords()
  const query = useInfiniteQuery(subscribersQuery(search))
  const columns = useSubscriberColumns(Boolean(search.tree || search.tenant))
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.items) ?? [], [query.data])
  const { hasNextPage, isFetching, fetchNextPage } = query
  const more = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage()
  }, [hasNextPage, isFetching, fetchNextPage])

  if (query.isPending) return <Waiting rows={10} />
  if (query.error && rows.length === 0) return <Fault error={query.error} retry={() => void query.refetch()} />
  if (rows.length === 0) return <Nothing filtered={Object.keys(filterOf(search)).length > 0} set={set} />
  return (
    <>
      <DataTable
        label={t('app.page.subscribers')} columns={columns} rows={rows} id={(s) => s.id} active={search.open} openLabel={(s) => s.name}
        onOpen={(s) => set({ open: s.id })} selection={selection} virtual={{ height: 'max(360px, calc(100dvh - 250px))', end: more }}
        sorting={{ by: search.sort ?? 'name', set: (sort) => set({ sort: sort as SubscribersSearch['sort'] }) }}
      />
      <Count search={search} loaded={rows.length} whole={!hasNextPage} />
    </>
  )
}

function Nothing({ filtered, set }: { filtered: boolean; set: Props['set'] }) {
  const { t } = useWords()
  const all = { q: undefined, status: undefined, plan: undefined, online: undefined, tenant: undefined, tree: undefined, expiring: undefined }
  if (filtered) return <Empty icon={SearchX} title={t('subscribers.noMatch')} action={<Button variant="default" onClick={() => set(all)}>{t('subscribers.clearFilters')}</Button>} />
  return (
    <Empty icon={Users} title={t('subscribers.empty')} action={<Button onClick={() => set({ add: true })}>{t('subscribers.add')}</Button>}>
      <Text span inherit>{t('subscribers.emptyHint')}</Text>
    </Empty>
  )
}
