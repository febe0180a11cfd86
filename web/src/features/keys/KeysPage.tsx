import { Button, Menu, Modal, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { KeyRound, Plus, RefreshCw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useMay } from '@/api/me'
import type { AccessKey } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { SecretOnce } from '@/ui/data/SecretOnce'
import { useConfirm } from '@/ui/feedback/confirm'
import { Empty } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import { Page } from '@/ui/layout/Page'
import { CardTable } from '@/ui/table/CardTable'
import { RowMenu } from '@/ui/table/RowMenu'
import { keysQuery, revokeKey, rotateKey } from './api'
import { KeyDialog } from './KeyDialog'

export function KeysPage() {
  const { t } = useWords()
  const query = useQuery(keysQuery)
  const may = useMay()('access_key:write')
  const confirm = useConfirm()
  const [adding, setAdding] = useState(false)
  const [made, setMade] = useState<{ id: string; secret: string; note: string }>()
  const revoke = useAction(revokeKey, { refresh: ['keys'], done: t('keys.revoked'), quiet: true })
  const rotate = useAction(async (k: AccessKey) => setMade({ id: k.id, secret: (await rotateKey(k)).secret, note: t('keys.rotatedNote') }), { refresh: ['keys'], quiet: true })
  const add = may && <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setAdding(true)}>{t('keys.add')}</Button>
  const may2 = (k: AccessKey) => (k.sets.length > 0 ? k.sets.join(', ') : k.permissions.length > 0 ? k.permissions.join(', ') : t('keys.full'))
  const menu = (k: AccessKey) => (
    <RowMenu name={k.comment || k.id}>
      <Menu.Item leftSection={<RefreshCw size={15} aria-hidden />} onClick={() => confirm({ title: t('keys.rotateTitle'), body: t('keys.rotateBody'), action: t('keys.rotate'), run: () => rotate.mutateAsync(k) })}>{t('keys.rotate')}</Menu.Item>
      <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => confirm({ title: t('keys.revokeTitle', { name: k.comment || k.id }), body: t('keys.revokeBody'), action: t('keys.revoke'), danger: true, run: () => revoke.mutateAsync(k) })}>{t('keys.revoke')}</Menu.Item>
    </RowMenu>
  )
  return (
    <Page title={t('app.page.keys')} hint={t('keys.hint')} actions={add}>
      <CardTable
        label={t('app.page.keys')} query={query} id={(k) => k.id} empty={<Empty icon={KeyRound} title={t('keys.empty')} action={add}>{t('keys.emptyHint')}</Empty>}
        columns={[
          { key: 'id', title: t('keys.key'), width: 'minmax(150px,1.3fr)', cell: (k) => <><Text span inherit fw={550}>{k.comment || k.id}</Text>{k.comment && <Text span size="xs" c="dimmed" display="block" truncate>{k.id}</Text>}</> },
          { key: 'owner', title: t('keys.owner'), width: 'minmax(80px,0.8fr)', cell: (k) => k.owner },
          { key: 'may', title: t('keys.may'), width: 'minmax(120px,1.6fr)', cell: (k) => <span title={may2(k)}>{may2(k)}</span> },
          { key: 'from', title: t('keys.addresses'), width: 'minmax(100px,1fr)', hide: 'lg', cell: (k) => k.addresses.join(', ') || t('keys.anywhere') },
          { key: 'used', title: t('keys.used'), width: '130px', cell: (k) => <RelativeTime at={k.last_used_at} never={t('common.never')} /> },
          { key: 'expires', title: t('subscribers.expires'), width: '130px', cell: (k) => <RelativeTime at={k.expires_at} never={t('common.never')} /> },
          ...(may ? [{ key: 'menu', title: '', width: '40px', align: 'right' as const, cell: menu }] : []),
        ]}
      />
      {adding && <KeyDialog onClose={() => setAdding(false)} onMade={(k) => { setAdding(false); setMade({ id: k.id, secret: k.secret, note: t('common.shownOnce') }) }} />}
      <Modal opened={Boolean(made)} onClose={() => setMade(undefined)} closeOnClickOutside={false} title={<Text fw={650}>{t('keys.made')}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {made && <SecretOnce note={made.note} items={[[t('keys.id'), made.id], [t('keys.secret'), made.secret]]} />}
      </Modal>
    </Page>
  )
}
