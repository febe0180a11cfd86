import { Group, Stack, Text } from '@mantine/core'
import { protocolName } from '@/api/lookups'
import type { Subscriber } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { Facts } from '@/ui/data/Facts'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { OnlineDot } from '@/ui/data/StatusPill'
import { UsageBar } from '@/ui/data/UsageBar'
import { limitOf, usedOf } from '../list/columns'
import { useOnline } from '../useOnline'

export function OverviewTab({ subscriber: s }: { subscriber: Subscriber }) {
  const { t, f } = useWords()
  const online = useOnline()(s)
  const speed = (n: number) => (n === 0 ? t('form.unlimited') : f.rate(n))
  return (
    <Stack gap="xl">
      <UsageBar wide used={usedOf(s)} limit={limitOf(s)} />
      <Facts
        of={[
          [t('subscribers.connected'), <Group key="o" gap={8}><OnlineDot online={online} />{online ? t('common.onlineWord') : s.usage.seen_at ? <span>{t('subscribers.seen')} <RelativeTime at={s.usage.seen_at} /></span> : t('subscribers.neverSeen')}</Group>],
          [t('subscribers.expires'), <RelativeTime key="e" at={s.expires_at} never={s.status === 'on_hold' ? t('subscribers.atFirstUse') : t('common.never')} />],
          [t('subscribers.reason'), s.reason ? t(`reason.${s.reason as 'manual'}`, { defaultValue: s.reason }) : undefined],
          [t('subscribers.plan'), s.plan],
          [t('form.reset'), <span key="r">{t(`reset.${s.reset as 'never'}`)}{s.next_reset && <Text span inherit c="dimmed"> · <RelativeTime at={s.next_reset} /></Text>}</span>],
          [t('subscribers.granted'), s.usage.granted > 0 ? f.bytes(s.usage.granted) : undefined],
          [t('form.speedDown'), speed(s.speed_down)],
          [t('form.speedUp'), speed(s.speed_up)],
          [t('form.devices'), s.devices === 0 ? t('form.unlimited') : f.number(s.devices)],
          [t('form.protocols'), s.protocols.length > 0 ? s.protocols.map(protocolName).join(', ') : t('form.everyProtocol')],
          [t('subscribers.fullName'), s.full_name || undefined],
          [t('subscribers.email'), s.email || undefined],
          [t('subscribers.externalId'), s.external_id ?? undefined],
          [t('subscribers.label'), s.label || undefined],
          [t('subscribers.comment'), s.comment || undefined],
          [t('subscribers.lifetime'), f.bytes(s.usage.lifetime_up + s.usage.lifetime_down)],
          [t('subscribers.created'), f.dateTime(s.created_at)],
        ]}
      />
    </Stack>
  )
}
