import { Button, Group, Menu, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { LogIn, Plus, RefreshCw, Trash2 } from 'lucide-react'
import { useMay } from '@/api/me'
import type { SubToken } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { CodeBlock } from '@/ui/data/Copy'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { useConfirm } from '@/ui/feedback/confirm'
import { Loaded } from '@/ui/feedback/states'
import { notifyDone } from '@/ui/feedback/notify'
import { useAction } from '@/ui/feedback/useAction'
import { RowMenu } from '@/ui/table/RowMenu'
import { addToken, revokeToken, rotateToken, tokensQuery } from '../api/detail'

/** Tokens are the addresses that client apps read, and who read them last. */
export function Tokens({ subscriber }: { subscriber: string }) {
  const { t } = useWords()
  const query = useQuery(tokensQuery(subscriber))
  const may = useMay()('subscriber:write')
  const add = useAction(() => addToken(subscriber, ''), { refresh: ['subscribers'] })
  return (
    <div>
      <Group justify="space-between" mb="xs">
        <Title order={3} size="h6">{t('links.tokens')}</Title>
        {may && <Button size="compact-sm" variant="default" leftSection={<Plus size={14} aria-hidden />} loading={add.isPending} onClick={() => add.mutate(undefined)}>{t('links.addToken')}</Button>}
      </Group>
      <Loaded query={query} rows={2}>
        {(list: SubToken[]) => list.length === 0 ? <Text size="sm" c="dimmed">{t('links.noTokens')}</Text> : <Stack gap="sm">{list.map((k) => <TokenRow key={k.id} token={k} may={may} />)}</Stack>}
      </Loaded>
    </div>
  )
}

/** portalLink signs the subscriber in to the portal: the token is in the part of the address that browsers send nowhere. */
export const portalLink = (subscription: string) => subscription.replace('/sub/', '/portal#token=')

function TokenRow({ token: k, may }: { token: SubToken; may: boolean }) {
  const { t, f } = useWords()
  const confirm = useConfirm()
  const rotate = useAction(() => rotateToken(k), { refresh: ['subscribers'], done: t('common.saved'), quiet: true })
  const revoke = useAction(() => revokeToken(k), { refresh: ['subscribers'], quiet: true })
  return (
    <div>
      {k.url && <CodeBlock value={k.url} label={t('links.copyToken')} />}
      <Group justify="space-between" wrap="nowrap" mt={4}>
        <Text size="xs" c="dimmed">
          {k.fetches === 0 ? t('links.neverFetched') : <>{t('links.fetched', { count: k.fetches, number: f.number(k.fetches) })} · <RelativeTime at={k.fetched_at} /> · {k.fetched_by || k.fetched_from}</>}
        </Text>
        {may && (
          <RowMenu name={k.comment || k.id}>
            {k.url && <Menu.Item leftSection={<LogIn size={15} aria-hidden />} onClick={() => void navigator.clipboard.writeText(portalLink(k.url ?? '')).then(() => notifyDone(t('common.copied')))}>{t('links.copyPortal')}</Menu.Item>}
            <Menu.Item leftSection={<RefreshCw size={15} aria-hidden />} onClick={() => confirm({ title: t('links.rotateTitle'), body: t('links.rotateBody'), action: t('links.rotate'), danger: true, run: () => rotate.mutateAsync(undefined) })}>{t('links.rotate')}</Menu.Item>
            <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => confirm({ title: t('links.revokeTitle'), body: t('links.revokeBody'), action: t('common.delete'), danger: true, run: () => revoke.mutateAsync(undefined) })}>{t('common.delete')}</Menu.Item>
          </RowMenu>
        )}
      </Group>
    </div>
  )
}
