import { Anchor, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { api, data } from '@/api/client'
import type { Subscriber } from '@/api/types'
import { daysFromNow } from '@/lib/time'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { Loaded } from '@/ui/feedback/states'
import { Section } from '@/ui/layout/Section'
import classes from './dashboard.module.css'

const shown = 7

/** ExpiringSoon is who to write to this week. */
export function ExpiringSoon({ count }: { count: number }) {
  const { t } = useTranslation()
  const query = useQuery({
    queryKey: ['subscribers', 'expiring'], staleTime: 60_000,
    queryFn: async () => (await data(api.GET('/subscribers', { params: { query: { limit: shown, status: 'active', sort: 'expires_at', expires_before: daysFromNow(7).toISOString() } } }))).items,
  })
  return (
    <Section title={t('dashboard.expiringTitle')} actions={count > 0 && <Anchor size="sm" renderRoot={(p) => <Link to="/subscribers" search={{ expiring: true, sort: 'expires_at' }} {...p} />}>{t('dashboard.showAll')}</Anchor>}>
      <Loaded query={query}>
        {(list: Subscriber[]) => list.length === 0 ? <Text size="sm" c="dimmed">{t('dashboard.nobodyExpires')}</Text> : list.map((s) => (
          <Link key={s.id} to="/subscribers" search={{ open: s.id }} className={classes.line}>
            <span className={classes.name}>{s.name}</span>
            <Text span size="sm" c="dimmed" style={{ whiteSpace: 'nowrap' }}>{s.plan} · <RelativeTime at={s.expires_at} /></Text>
          </Link>
        ))}
      </Loaded>
    </Section>
  )
}
