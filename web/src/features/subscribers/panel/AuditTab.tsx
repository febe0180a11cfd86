import { Button, Code, Group, Stack, Text } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { History } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Subscriber } from '@/api/types'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { Empty, Fault, Waiting } from '@/ui/feedback/states'
import { auditQuery } from '../api/detail'

/** AuditTab is who did what to this subscriber, newest first. */
export function AuditTab({ subscriber: s }: { subscriber: Subscriber }) {
  const { t } = useTranslation()
  const query = useInfiniteQuery(auditQuery(s.id))
  const rows = query.data?.pages.flatMap((p) => p.items) ?? []
  if (query.isPending) return <Waiting />
  if (query.error) return <Fault error={query.error} retry={() => void query.refetch()} />
  if (rows.length === 0) return <Empty icon={History} title={t('subscribers.noAudit')} />
  return (
    <Stack gap="md">
      {rows.map((e) => (
        <div key={e.id}>
          <Group justify="space-between" gap="sm" wrap="nowrap"><Text size="sm" fw={550}>{e.action}</Text><Text size="xs" c="dimmed"><RelativeTime at={e.at} /></Text></Group>
          <Text size="xs" c="dimmed">{[e.actor, e.address].filter(Boolean).join(' · ')}</Text>
          {e.diff != null && JSON.stringify(e.diff) !== '{}' && <Code block mt={6} fz={12} tabIndex={0} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{Object.entries(e.diff as object).map(([k, v]) => `${k}: ${say(v)}`).join('\n')}</Code>}
        </div>
      ))}
      {query.hasNextPage && <Button variant="subtle" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t('common.loadMore')}</Button>}
    </Stack>
  )
}

/** say writes a pair of values as a change. */
function say(v: unknown): string {
  const one = (x: unknown) => (typeof x === 'string' ? x : JSON.stringify(x))
  return Array.isArray(v) && v.length === 2 ? `${one(v[0])} → ${one(v[1])}` : one(v)
}
