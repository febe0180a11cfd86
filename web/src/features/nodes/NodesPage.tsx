import { Button, Tabs } from '@mantine/core'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@/api/me'
import { Page } from '@/ui/layout/Page'
import { AddNodeDialog } from './AddNodeDialog'
import { CertificateDialog } from './CertificateDialog'
import { CertificatesTab } from './CertificatesTab'
import { GroupDialog, GroupsTab } from './GroupsTab'
import { NodeTable } from './NodeTable'
import { nodesTabs } from './search'

const route = getRouteApi('/shell/nodes')

export function NodesPage() {
  const { t } = useTranslation()
  const { tab = 'nodes', add } = route.useSearch()
  const navigate = useNavigate({ from: '/nodes' })
  const may = useMay()
  const [making, setMaking] = useState<'certificate' | 'group'>()
  const open = () => (tab === 'nodes' ? void navigate({ search: { add: true } }) : setMaking(tab === 'certificates' ? 'certificate' : 'group'))
  const words = { nodes: t('nodes.add'), certificates: t('certificates.add'), groups: t('groups.add') }
  const allowed = may(tab === 'certificates' ? 'network:write' : 'node:write')
  return (
    <Page title={t('app.page.nodes')} hint={t('nodes.hint')} actions={allowed && <Button leftSection={<Plus size={16} aria-hidden />} onClick={open}>{words[tab]}</Button>}>
      <Tabs value={tab} onChange={(v) => void navigate({ search: v === 'nodes' ? {} : { tab: v as 'groups' } })}>
        <Tabs.List mb="lg">{nodesTabs.map((x) => <Tabs.Tab key={x} value={x}>{t(`nodes.tabs.${x}`)}</Tabs.Tab>)}</Tabs.List>
        <Tabs.Panel value="nodes"><NodeTable onAdd={may('node:write') ? open : undefined} /></Tabs.Panel>
        <Tabs.Panel value="certificates"><CertificatesTab /></Tabs.Panel>
        <Tabs.Panel value="groups"><GroupsTab /></Tabs.Panel>
      </Tabs>
      {add && <AddNodeDialog onClose={() => void navigate({ search: {} })} />}
      {making === 'certificate' && <CertificateDialog onClose={() => setMaking(undefined)} />}
      {making === 'group' && <GroupDialog onClose={() => setMaking(undefined)} />}
    </Page>
  )
}
