import { Gauge, PauseCircle, TimerOff } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { StatusPill, type Tone } from '@/ui/data/StatusPill'

const looks: Record<string, { tone: Tone; icon?: typeof Gauge }> = {
  active: { tone: 'ok' }, on_hold: { tone: 'info' }, limited: { tone: 'warn', icon: Gauge }, expired: { tone: 'bad', icon: TimerOff }, suspended: { tone: 'bad', icon: PauseCircle }, closed: { tone: 'mute' },
}

export function SubscriberStatus({ status }: { status: string }) {
  const { t } = useTranslation()
  const look = looks[status] ?? { tone: 'mute' }
  return <StatusPill tone={look.tone} icon={look.icon} label={t(`status.${status as 'active'}`)} />
}
