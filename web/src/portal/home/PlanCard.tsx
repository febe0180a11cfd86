import { Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useWords } from '@/i18n/useWords'
import { Facts } from '@/ui/data/Facts'
import { StatusPill, type Tone } from '@/ui/data/StatusPill'
import { Section } from '@/ui/layout/Section'
import type { Self } from '../api'
import { When } from '../ui/When'

const tones: Record<Self['status'], Tone> = { active: 'ok', on_hold: 'info', limited: 'warn', expired: 'bad', suspended: 'bad' }

export function PlanCard({ self }: { self: Self }) {
  const { t } = useTranslation()
  const { f } = useWords()
  const { speed, devices } = self
  return (
    <Section title={t('portal.plan')} actions={<StatusPill tone={tones[self.status]} label={t(`status.${self.status}`)} />}>
      <Facts of={[
        [t('portal.account'), <Text span inherit key="login" fw={550} style={{ overflowWrap: 'anywhere' }}>{self.login}</Text>],
        [t('portal.planName'), self.plan || undefined],
        [t('portal.expires'), <When key="expiry" at={self.expires_at} never={self.status === 'on_hold' ? t('portal.fromFirstUse') : t('common.never')} />],
        [t('portal.devicesAtOnce'), devices.limit > 0 ? t('portal.inUseOf', { count: devices.in_use, limit: f.number(devices.limit) }) : t('portal.inUse', { count: devices.in_use })],
        [t('portal.speed'), speed.down || speed.up ? `↓ ${speed.down ? f.rate(speed.down) : '∞'} · ↑ ${speed.up ? f.rate(speed.up) : '∞'}` : undefined],
      ]} />
    </Section>
  )
}
