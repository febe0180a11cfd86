import { Badge, Button, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { browserOf } from '@/lib/browser'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { Loaded } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import { endSignIn, signInsQuery } from '../api'
import classes from '../ui/list.module.css'

/** SignIns are the browsers that are signed in to this portal. */
export function SignIns() {
  const { t } = useTranslation()
  const query = useQuery(signInsQuery)
  const end = useAction(endSignIn, { refresh: ['sign-ins'], done: t('portal.signedOut') })
  return (
    <Loaded query={query} rows={2}>
      {(all) => (
        <ul className={classes.list}>
          {all.map((s) => (
            <li key={s.id}>
              <div className={classes.what}>
                <Text size="sm" fw={600}>{browserOf(s.user_agent)} {s.current && <Badge size="xs" variant="light">{t('portal.thisOne')}</Badge>}</Text>
                <Text size="xs" c="dimmed">{s.address} · <RelativeTime at={s.seen_at} /></Text>
              </div>
              {!s.current && <Button variant="default" size="compact-sm" loading={end.isPending && end.variables === s.id} onClick={() => end.mutate(s.id)}>{t('portal.signOut')}</Button>}
            </li>
          ))}
        </ul>
      )}
    </Loaded>
  )
}
