import { Group, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useWords } from '@/i18n/useWords'
import { Section } from '@/ui/layout/Section'
import type { Self } from '../api'
import { Ring } from '../ui/Ring'

const colour = (share: number) => (share >= 0.95 ? 'var(--c-bad)' : share >= 0.8 ? 'var(--c-warn)' : 'var(--mantine-primary-color-filled)')

/** UsageCard says at a glance what is left. */
export function UsageCard({ self: { usage } }: { self: Self }) {
  const { t } = useTranslation()
  const { f } = useWords()
  const used = usage.up + usage.down
  const limit = usage.limit ?? 0
  const share = limit > 0 ? Math.min(1, used / limit) : 0
  return (
    <Section title={t('portal.usage')}>
      <Group gap="lg" wrap="nowrap">
        {usage.limit !== null && <Ring share={share} color={colour(share)} label={f.percent(share)} />}
        <Stack gap={4} miw={0}>
          <Text size="1.6rem" fw={700} lh={1.15} className="tnum">{f.bytes(usage.limit === null ? used : (usage.left ?? 0))}</Text>
          <Text size="sm" c="dimmed">
            {usage.limit === null ? t('portal.usedNoLimit') : t('portal.leftOf', { limit: f.bytes(limit) })}
          </Text>
          <Text size="sm" c="dimmed" className="tnum">↓ {f.bytes(usage.down)} · ↑ {f.bytes(usage.up)}</Text>
          {usage.next_reset && <Text size="sm" c="dimmed">{t('portal.resets', { when: f.relative(usage.next_reset), date: f.date(usage.next_reset) })}</Text>}
        </Stack>
      </Group>
    </Section>
  )
}
