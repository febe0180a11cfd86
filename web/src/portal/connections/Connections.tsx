import { Button, Group, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Cable } from 'lucide-react'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { useConfirm } from '@/ui/feedback/confirm'
import { Empty, Loaded } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import { connectionsQuery, kick, type Connection } from '../api'
import { protocolName } from '../help/words'
import classes from '../ui/list.module.css'

export function Connections() {
  const { t, f } = useWords()
  const ask = useConfirm()
  const query = useQuery(connectionsQuery)
  const end = useAction(kick, { refresh: ['connections'], done: t('portal.ended'), quiet: true })
  const question = (c: Connection) => ask({
    title: t('portal.endTitle'), body: t('portal.endBody'), action: t('portal.end'), danger: true, run: () => end.mutateAsync(c.id),
  })
  return (
    <Loaded query={query} rows={3}>
      {(all) => all.length === 0 ? <Empty icon={Cable} title={t('portal.noConnections')}>{t('portal.noConnectionsHint')}</Empty> : (
        <ul className={classes.list}>
          {all.map((c) => (
            <li key={c.id}>
              <div className={classes.what}>
                <Text size="sm" fw={600}>{protocolName(c.protocol)} · {[c.node, c.region].filter(Boolean).join(', ')}</Text>
                <Text size="xs" c="dimmed">{[c.device, c.address].filter(Boolean).join(' · ')} · <RelativeTime at={c.since} /></Text>
              </div>
              <Text size="sm" className={`tnum ${classes.figures}`}>
                ↓ {f.bytes(c.down)} · ↑ {f.bytes(c.up)}
                <Text span size="xs" c="dimmed" display="block">{f.rate(c.rate_down + c.rate_up)}</Text>
              </Text>
              <Group gap={0}><Button variant="default" size="compact-sm" onClick={() => question(c)}>{t('portal.end')}</Button></Group>
            </li>
          ))}
        </ul>
      )}
    </Loaded>
  )
}
