import { Alert, Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { TriangleAlert } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'
import { Loaded } from '@/ui/feedback/states'
import type { Node } from '@/api/types'
import { nodeQuery } from './api'
import { DetailsTab } from './DetailsTab'
import { NodeActions } from './NodeActions'
import { NodeJobsTab } from './NodeJobsTab'
import { NodeSessionsTab } from './NodeSessionsTab'
import { nodeTabs } from './search'
import { ServicesTab } from './ServicesTab'
import { NodeStatus, refusalOf } from './state'

const route = getRouteApi('/shell/nodes/$id')
const parts = { services: ServicesTab, sessions: NodeSessionsTab, jobs: NodeJobsTab, details: DetailsTab }

export function NodePage() {
  const { t } = useTranslation()
  const { id } = route.useParams()
  const { tab = 'services' } = route.useSearch()
  const navigate = useNavigate({ from: '/nodes/$id' })
  const query = useQuery(nodeQuery(id))
  const Part = parts[tab]
  const back = { label: t('app.page.nodes'), onClick: () => void navigate({ to: '/nodes' }) }
  const node = query.data
  return (
    <Page title={node?.name ?? '…'} name={node?.name} back={back} beside={node && <NodeStatus node={node} />} hint={node && [node.host, node.region, node.comment].filter(Boolean).join(' · ')} actions={node && <NodeActions node={node} />}>
      <Loaded query={query}>
        {(n: Node) => (
          <>
            {refusalOf(n) && <Alert color="red" variant="light" mb="lg" icon={<TriangleAlert size={18} aria-hidden />} title={t('nodes.refusedTitle', { refused: n.refused_revision, applied: n.applied_revision })}>{refusalOf(n)}</Alert>}
            {n.fault && <Alert color="yellow" variant="light" mb="lg" icon={<TriangleAlert size={18} aria-hidden />}>{n.fault}</Alert>}
            <Tabs value={tab} onChange={(v) => void navigate({ search: v === 'services' ? {} : { tab: v as 'jobs' } })}>
              <Tabs.List mb="lg">{nodeTabs.map((x) => <Tabs.Tab key={x} value={x}>{t(`nodes.tab.${x}`)}</Tabs.Tab>)}</Tabs.List>
              <Tabs.Panel value={tab}><Part node={n} /></Tabs.Panel>
            </Tabs>
          </>
        )}
      </Loaded>
    </Page>
  )
}
