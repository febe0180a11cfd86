import { CircleCheck, CircleDashed, CircleMinus, CircleX, Clock, Gauge, type LucideIcon } from 'lucide-react'
import classes from './pill.module.css'

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'mute'

const icons: Record<Tone, LucideIcon> = { ok: CircleCheck, warn: Clock, bad: CircleX, info: CircleDashed, mute: CircleMinus }
export const limitedIcon = Gauge

/** StatusPill says a state by word, icon and colour: the colour alone would tell some people nothing. */
export function StatusPill({ tone, label, icon }: { tone: Tone; label: string; icon?: LucideIcon }) {
  const Icon = icon ?? icons[tone]
  return (
    <span className={classes.pill} data-tone={tone}>
      <Icon size={13} aria-hidden strokeWidth={2.4} />
      <span className={classes.word}>{label}</span>
    </span>
  )
}

/** OnlineDot is a dot with its meaning for those who do not see it. */
export function OnlineDot({ online, label }: { online: boolean; label?: string }) {
  return <span className={classes.dot} data-online={online || undefined} {...(label ? { role: 'img', 'aria-label': label, title: label } : { 'aria-hidden': true })} />
}
