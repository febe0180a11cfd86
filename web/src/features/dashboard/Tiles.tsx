import { SimpleGrid, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { ArrowDownUp, CalendarClock, Radio, Server, Users, type LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Overview } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import classes from './dashboard.module.css'

type Target = { to: '/subscribers'; search: { online?: true; expiring?: true } } | { to: '/nodes' }

function Tile({ icon: Icon, label, value, note, link }: { icon: LucideIcon; label: string; value: string; note: ReactNode; link?: Target }) {
  const body = (
    <>
      <span className={classes.tileHead}><Icon size={16} aria-hidden />{label}</span>
      <span className={classes.value}>{value}</span>
      <Text span size="sm" c="dimmed" className="tnum">{note}</Text>
    </>
  )
  return link ? <Link {...link} className={classes.tile}>{body}</Link> : <div className={classes.tile}>{body}</div>
}

/** Tiles are the numbers one looks at first. Each leads to what it counts. */
export function Tiles({ of: o }: { of: Overview }) {
  const { t, f } = useWords()
  const today = o.traffic_today.up + o.traffic_today.down
  const yesterday = o.traffic_yesterday.up + o.traffic_yesterday.down
  const total = o.subscribers.total ?? 0
  const n = o.nodes
  return (
    <SimpleGrid cols={{ base: 2, lg: n ? 4 : 3 }} spacing={{ base: 'sm', sm: 'lg' }}>
      <Tile icon={Radio} label={t('dashboard.online')} value={f.number(o.online)} note={t('dashboard.ofSubscribers', { count: total, number: f.number(total) })} link={{ to: '/subscribers', search: { online: true } }} />
      <Tile icon={ArrowDownUp} label={t('dashboard.today')} value={f.bytes(today)} note={t('dashboard.yesterday', { bytes: f.bytes(yesterday) })} />
      {n && <Tile icon={Server} label={t('dashboard.nodes')} value={`${f.number(n.online)} / ${f.number(n.online + n.offline + n.suspended + n.waiting)}`} note={n.offline > 0 ? t('dashboard.nodesDown', { count: n.offline }) : n.waiting > 0 ? t('dashboard.nodesWaiting', { count: n.waiting }) : t('dashboard.nodesUp')} link={{ to: '/nodes' }} />}
      <Tile icon={n ? CalendarClock : Users} label={t('dashboard.expiring')} value={f.number(o.expiring)} note={t('dashboard.within7')} link={{ to: '/subscribers', search: { expiring: true } }} />
    </SimpleGrid>
  )
}
