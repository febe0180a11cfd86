import { Button, Group, Modal, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Plus, UserCog } from 'lucide-react'
import { useState } from 'react'
import { useMay, useMe } from '@/api/me'
import type { Login } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { SecretOnce } from '@/ui/data/SecretOnce'
import { StatusPill } from '@/ui/data/StatusPill'
import { Empty } from '@/ui/feedback/states'
import { Page } from '@/ui/layout/Page'
import { CardTable } from '@/ui/table/CardTable'
import { loginsQuery } from './api'
import { LoginDialog } from './LoginDialog'
import { LoginMenu } from './LoginMenu'

export function StaffPage() {
  const { t } = useWords()
  const me = useMe()
  const query = useQuery(loginsQuery)
  const may = useMay()('login:write')
  const [dialog, setDialog] = useState<Login | 'new'>()
  const [made, setMade] = useState<[string, string]>()
  return (
    <Page title={t('app.page.staff')} hint={t('staff.hint')} actions={may && <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setDialog('new')}>{t('staff.add')}</Button>}>
      <CardTable
        label={t('app.page.staff')} query={query} id={(l) => l.id} onOpen={may ? setDialog : undefined} empty={<Empty icon={UserCog} title={t('staff.empty')} />}
        columns={[
          { key: 'name', title: t('common.name'), width: 'minmax(140px,1.2fr)', cell: (l) => <Group gap={8} wrap="nowrap" component="span"><Text span inherit truncate>{l.name}</Text>{l.id === me.id && <StatusPill tone="info" label={t('staff.you')} />}</Group> },
          { key: 'email', title: t('subscribers.email'), width: 'minmax(140px,1.4fr)', cell: (l) => l.email || '–' },
          { key: 'role', title: t('staff.role'), width: '150px', cell: (l) => t(`staff.roles.${l.role as 'owner'}`) },
          { key: 'status', title: t('tenants.status'), width: '150px', cell: (l) => <StatusPill tone={l.status === 'active' ? 'ok' : 'bad'} label={t(`tenants.state.${l.status as 'active'}`)} /> },
          { key: 'seen', title: t('staff.lastSignIn'), width: '150px', cell: (l) => <RelativeTime at={l.last_login_at} never={t('common.never')} /> },
          ...(may ? [{ key: 'menu', title: '', width: '40px', align: 'right' as const, cell: (l: Login) => (l.id === me.id ? null : <LoginMenu login={l} onEdit={() => setDialog(l)} onPassword={(p) => setMade([l.name, p])} />) }] : []),
        ]}
      />
      {dialog && <LoginDialog key={dialog === 'new' ? 'new' : dialog.id} login={dialog === 'new' ? undefined : dialog} onClose={() => setDialog(undefined)} onMade={(name, p) => { setDialog(undefined); setMade([name, p]) }} />}
      <Modal opened={Boolean(made)} onClose={() => setMade(undefined)} title={<Text fw={650}>{t('staff.password', { name: made?.[0] })}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {made && <SecretOnce items={[[t('common.name'), made[0]], [t('auth.password'), made[1]]]} />}
      </Modal>
    </Page>
  )
}
