import { Button, Group, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { OpenSession } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { browserOf } from '@/lib/browser'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { StatusPill } from '@/ui/data/StatusPill'
import { useConfirm } from '@/ui/feedback/confirm'
import { useAction } from '@/ui/feedback/useAction'
import { Section } from '@/ui/layout/Section'
import { CardTable } from '@/ui/table/CardTable'
import { endOthers, endSession, openSessionsQuery } from './api'

/** SignIns is where this person is signed in. */
export function SignIns() {
  const { t } = useWords()
  const query = useQuery(openSessionsQuery)
  const confirm = useConfirm()
  const end = useAction(endSession, { refresh: ['my-sessions'], done: t('account.ended') })
  const others = useAction(endOthers, { refresh: ['my-sessions'], done: t('account.ended'), quiet: true })
  const askOthers = () => confirm({ title: t('account.endOthersTitle'), body: t('account.endOthersBody'), action: t('account.endOthers'), danger: true, run: () => others.mutateAsync(undefined) })
  return (
    <Section title={t('account.sessions')} flush actions={(query.data?.length ?? 0) > 1 && <Button size="xs" variant="default" onClick={askOthers}>{t('account.endOthers')}</Button>}>
      <div style={{ margin: '0 -1px -1px' }}>
        <CardTable<OpenSession>
          label={t('account.sessions')} query={query} id={(s) => s.id} empty={null}
          columns={[
            { key: 'agent', title: t('account.browser'), width: 'minmax(150px,1.5fr)', cell: (s) => <Group gap={8} wrap="nowrap" component="span"><Text span inherit truncate title={s.user_agent}>{browserOf(s.user_agent)}</Text>{s.current && <StatusPill tone="ok" label={t('account.thisOne')} />}</Group> },
            { key: 'from', title: t('subscribers.from'), width: 'minmax(110px,1fr)', cell: (s) => s.address },
            { key: 'since', title: t('subscribers.since'), width: '150px', cell: (s) => <RelativeTime at={s.created_at} /> },
            { key: 'seen', title: t('subscribers.seen'), width: '150px', cell: (s) => <RelativeTime at={s.seen_at} /> },
            { key: 'end', title: '', width: '110px', align: 'right', cell: (s) => !s.current && <Button size="compact-xs" variant="default" loading={end.isPending && end.variables === s} onClick={() => end.mutate(s)}>{t('app.signOut')}</Button> },
          ]}
        />
      </div>
    </Section>
  )
}
