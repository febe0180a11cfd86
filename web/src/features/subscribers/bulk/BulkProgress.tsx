import { Alert, Button, Group, Progress, Stack, Text } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useWords } from '@/i18n/useWords'
import { useAction } from '@/ui/feedback/useAction'
import { Loaded } from '@/ui/feedback/states'
import { cancel, isOver, operationQuery, type BulkOperation } from './api'

/** BulkProgress follows a running operation. Closing it stops nothing. */
export function BulkProgress({ id, onClose }: { id: string; onClose: () => void }) {
  const { t, f } = useWords()
  const client = useQueryClient()
  const query = useQuery(operationQuery(id))
  const over = query.data ? isOver(query.data) : false
  const stop = useAction(() => cancel(id), { refresh: ['bulk'] })
  useEffect(() => {
    if (over) void client.invalidateQueries({ queryKey: ['subscribers'] })
  }, [over, client])
  return (
    <Loaded query={query} rows={3}>
      {(o: BulkOperation) => (
        <Stack role="status">
          <Progress value={o.total > 0 ? ((o.done + o.failed) / o.total) * 100 : over ? 100 : 0} animated={!over} aria-label={t('bulk.progress')} />
          <Text size="sm" className="tnum">{t('bulk.doneOf', { done: f.number(o.done), total: f.number(o.total) })}{o.failed > 0 && ` · ${t('bulk.failed', { count: o.failed })}`}</Text>
          {(o.faults?.length ?? 0) > 0 && <Alert color="red" variant="light">{o.faults?.slice(0, 20).map((x, i) => <div key={i}>{[x.name ?? x.id, x.why].filter(Boolean).join(': ')}</div>)}</Alert>}
          {!over && <Text size="sm" c="dimmed">{t('bulk.runsOn')}</Text>}
          <Group justify="flex-end">
            {!over && <Button variant="default" loading={stop.isPending} onClick={() => stop.mutate(undefined)}>{t('bulk.stop')}</Button>}
            <Button onClick={onClose}>{t('common.close')}</Button>
          </Group>
        </Stack>
      )}
    </Loaded>
  )
}
