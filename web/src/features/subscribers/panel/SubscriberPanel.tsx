import { Drawer, Group, Tabs, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@/api/me'
import { Fault, Waiting } from '@/ui/feedback/states'
import { subscriberQuery } from '../api/detail'
import { panelTabs, type SubscribersSearch } from '../search'
import { SubscriberStatus } from '../status'
import { ActionMenu } from './ActionMenu'
import { AuditTab } from './AuditTab'
import { DevicesTab } from './DevicesTab'
import { LinksTab } from './LinksTab'
import { OverviewTab } from './OverviewTab'
import { SessionsTab } from './SessionsTab'
import { UsageTab } from './UsageTab'

type Tab = NonNullable<SubscribersSearch['tab']>

interface Props {
  id: string | undefined
  tab: Tab | undefined
  onTab: (tab: Tab | undefined) => void
  onClose: () => void
}

const needs: Partial<Record<Tab, string>> = { usage: 'usage:read', sessions: 'session:read', links: 'secret:read', audit: 'audit:read' }
const parts = { overview: OverviewTab, usage: UsageTab, sessions: SessionsTab, devices: DevicesTab, links: LinksTab, audit: AuditTab }

/** SubscriberPanel is one subscriber beside the list. Its address is a link of its own. */
export function SubscriberPanel({ id, tab = 'overview', onTab, onClose }: Props) {
  const { t } = useTranslation()
  const may = useMay()
  const [shown, setShown] = useState(id) // stays while the drawer slides out
  useEffect(() => {
    if (id) setShown(id)
  }, [id])
  const query = useQuery({ ...subscriberQuery(shown ?? ''), enabled: Boolean(id) })
  const s = query.data
  const tabs = panelTabs.filter((x) => !needs[x] || may(needs[x]))
  const current = tabs.includes(tab) ? tab : 'overview'
  const Part = parts[current]
  return (
    <Drawer
      opened={Boolean(id)} onClose={onClose} size={640} closeButtonProps={{ 'aria-label': t('common.close') }}
      title={<Group gap="sm" wrap="nowrap"><Text fw={650} size="lg" truncate>{s?.name ?? '…'}</Text>{s && <SubscriberStatus status={s.status} />}</Group>}
    >
      {query.error && !s ? <Fault error={query.error} retry={() => void query.refetch()} /> : !s ? <Waiting rows={6} /> : (
        <>
          {may('subscriber:write') && s.status !== 'closed' && <Group gap="xs" mb="md"><ActionMenu subscriber={s} onGone={onClose} /></Group>}
          <Tabs value={current} onChange={(v) => onTab(v === 'overview' ? undefined : (v as Tab))}>
            <Tabs.List mb="lg" style={{ flexWrap: 'nowrap', overflowX: 'auto', overflowY: 'hidden' }}>{tabs.map((x) => <Tabs.Tab key={x} value={x} px="sm">{t(`subscribers.tab.${x}`)}</Tabs.Tab>)}</Tabs.List>
            <Tabs.Panel value={current}><Part key={s.id} subscriber={s} /></Tabs.Panel>
          </Tabs>
        </>
      )}
    </Drawer>
  )
}
