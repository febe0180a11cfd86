import { useTranslation } from 'react-i18next'
import { StatusPill, type Tone } from '../data/StatusPill'

const tones: Record<string, Tone> = { queued: 'mute', sent: 'info', done: 'ok', failed: 'bad', expired: 'bad' }

export function JobPill({ state }: { state: string }) {
  const { t } = useTranslation()
  return <StatusPill tone={tones[state] ?? 'mute'} label={t(`jobs.state.${state as 'done'}`, { defaultValue: state })} />
}
