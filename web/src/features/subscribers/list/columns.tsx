import { Group, Stack, Text } from '@mantine/core'
import type { Subscriber } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { OnlineDot } from '@/ui/data/StatusPill'
import { UsageBar } from '@/ui/data/UsageBar'
import type { Column } from '@/ui/table/column'
import { SubscriberStatus } from '../status'
import { useOnline } from '../useOnline'

/** limitOf is the traffic of the period with what was granted on top; negative: none. */
export const limitOf = (s: Subscriber) => (s.traffic_limit < 0 ? -1 : s.traffic_limit + s.usage.granted)
export const usedOf = (s: Subscriber) => s.usage.up + s.usage.down

const soon = 3 * 86_400_000

export function useSubscriberColumns(tree: boolean): Column<Subscriber>[] {
  const { t } = useWords()
  const online = useOnline()
  const columns: (Column<Subscriber> | false)[] = [
    {
      key: 'name', title: t('common.name'), sort: 'name', width: 'minmax(170px,1.8fr)',
      cell: (s) => (
        <Group gap={10} wrap="nowrap" component="span">
          <OnlineDot online={online(s)} label={online(s) ? t('common.onlineWord') : t('common.offlineWord')} />
          <Stack gap={0} miw={0} component="span">
            <Text span inherit truncate>{s.name}</Text>
            {(s.full_name || s.email) && <Text span size="xs" c="dimmed" fw={400} truncate>{s.full_name || s.email}</Text>}
          </Stack>
        </Group>
      ),
    },
    tree && { key: 'tenant', title: t('subscribers.tenant'), width: 'minmax(90px,0.8fr)', cell: (s) => s.tenant_name ?? '' },
    { key: 'status', title: t('subscribers.status'), width: '140px', cell: (s) => <SubscriberStatus status={s.status} /> },
    { key: 'used', title: t('subscribers.used'), sort: 'used', width: 'minmax(150px,1.2fr)', cell: (s) => <UsageBar used={usedOf(s)} limit={limitOf(s)} /> },
    { key: 'plan', title: t('subscribers.plan'), width: 'minmax(90px,1fr)', cell: (s) => s.plan },
    {
      key: 'expires', title: t('subscribers.expires'), sort: 'expires_at', width: '140px',
      cell: (s) => <RelativeTime at={s.expires_at} never={s.status === 'on_hold' ? t('subscribers.atFirstUse') : t('common.never')} c={expiryColor(s)} />,
    },
    { key: 'created', title: t('subscribers.created'), sort: 'created_at', width: '130px', hide: 'lg', cell: (s) => <RelativeTime at={s.created_at} /> },
  ]
  return columns.filter((c): c is Column<Subscriber> => Boolean(c))
}

function expiryColor(s: Subscriber): string | undefined {
  if (!s.expires_at) return undefined
  const left = Date.parse(s.expires_at) - Date.now()
  return left < 0 ? 'var(--c-bad)' : left < soon ? 'var(--c-warn)' : undefined
}
