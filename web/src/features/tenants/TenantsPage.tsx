import { Button, Menu } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Building2, Pause, Pencil, Play, Plus, Users } from 'lucide-react'
import { useState } from 'react'
import { tenantsQuery } from '@/api/lookups'
import { useMay, useMe } from '@/api/me'
import type { Tenant } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { StatusPill } from '@/ui/data/StatusPill'
import { useConfirm } from '@/ui/feedback/confirm'
import { Empty } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import { Page } from '@/ui/layout/Page'
import { CardTable } from '@/ui/table/CardTable'
import { RowMenu } from '@/ui/table/RowMenu'
import { updateTenant } from './api'
import { TenantDialog } from './TenantDialog'

export function TenantsPage() {
  const { t } = useWords()
  const query = useQuery(tenantsQuery)
  const me = useMe()
  const may = useMay()('tenant:write')
  const navigate = useNavigate()
  const confirm = useConfirm()
  const [dialog, setDialog] = useState<Tenant | 'new'>()
  const set = useAction((v: { tenant: Tenant; status: 'active' | 'suspended' }) => updateTenant(v.tenant, { status: v.status }), { refresh: ['tenants'], done: t('common.saved'), quiet: true })
  const add = may && <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setDialog('new')}>{t('tenants.add')}</Button>
  const rows = { ...query, data: query.data?.filter((x) => x.id !== me.tenant) }
  const menu = (x: Tenant) => (
    <RowMenu name={x.name}>
      <Menu.Item leftSection={<Users size={15} aria-hidden />} onClick={() => void navigate({ to: '/subscribers', search: { tenant: x.id } })}>{t('tenants.subscribers')}</Menu.Item>
      <Menu.Item leftSection={<Pencil size={15} aria-hidden />} onClick={() => setDialog(x)}>{t('common.edit')}</Menu.Item>
      {x.status === 'suspended'
        ? <Menu.Item leftSection={<Play size={15} aria-hidden />} onClick={() => set.mutate({ tenant: x, status: 'active' })}>{t('tenants.resume')}</Menu.Item>
        : <Menu.Item color="red" leftSection={<Pause size={15} aria-hidden />} onClick={() => confirm({ title: t('tenants.suspendTitle', { name: x.name }), body: t('tenants.suspendBody'), action: t('tenants.suspend'), danger: true, run: () => set.mutateAsync({ tenant: x, status: 'suspended' }) })}>{t('tenants.suspend')}</Menu.Item>}
    </RowMenu>
  )
  return (
    <Page title={t('app.page.tenants')} hint={t('tenants.hint')} actions={add}>
      <CardTable
        label={t('app.page.tenants')} query={rows} id={(x) => x.id} onOpen={may ? setDialog : undefined} empty={<Empty icon={Building2} title={t('tenants.empty')} action={add}>{t('tenants.emptyHint')}</Empty>}
        columns={[
          { key: 'name', title: t('common.name'), width: 'minmax(140px,1.5fr)', cell: (x) => x.name },
          { key: 'realm', title: t('tenants.realm'), width: 'minmax(100px,1fr)', cell: (x) => `@${x.realm}` },
          { key: 'status', title: t('tenants.status'), width: '150px', cell: (x) => <StatusPill tone={x.status === 'active' ? 'ok' : 'bad'} label={t(`tenants.state.${x.status as 'active'}`)} /> },
          { key: 'since', title: t('tenants.since'), width: '150px', cell: (x) => <RelativeTime at={x.created_at} /> },
          ...(may ? [{ key: 'menu', title: '', width: '40px', align: 'right' as const, cell: menu }] : []),
        ]}
      />
      {dialog && <TenantDialog key={dialog === 'new' ? 'new' : dialog.id} tenant={dialog === 'new' ? undefined : dialog} onClose={() => setDialog(undefined)} />}
    </Page>
  )
}
