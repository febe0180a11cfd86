import { Button } from '@mantine/core'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { Suspense, lazy, useCallback } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@/api/me'
import { Page } from '@/ui/layout/Page'
import { useSelection } from '@/ui/table/useSelection'
import { BulkBar } from './bulk/BulkBar'
import { CsvMenu } from './bulk/CsvMenu'
import { Filters } from './list/Filters'
import { SubscriberTable } from './list/SubscriberTable'
import type { SubscribersSearch } from './search'

// What opens beside the list is fetched when it is first opened.
const CreateDialog = lazy(() => import('./forms/CreateDialog').then((m) => ({ default: m.CreateDialog })))
const SubscriberPanel = lazy(() => import('./panel/SubscriberPanel').then((m) => ({ default: m.SubscriberPanel })))

const route = getRouteApi('/shell/subscribers')

export function SubscribersPage() {
  const { t } = useTranslation()
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/subscribers' })
  const mayWrite = useMay()('subscriber:write')
  const { ids, selection, clear } = useSelection()
  const set = useCallback(
    (change: Partial<SubscribersSearch>) => void navigate({ search: (old) => ({ ...old, ...change }), replace: !('open' in change) }),
    [navigate],
  )
  const setFilter = useCallback((change: Partial<SubscribersSearch>) => {
    clear()
    set(change)
  }, [clear, set])
  return (
    <Page
      wide title={t('app.page.subscribers')}
      actions={<><CsvMenu search={search} />{mayWrite && <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => set({ add: true })}>{t('subscribers.add')}</Button>}</>}
    >
      <Filters search={search} set={setFilter} />
      <SubscriberTable search={search} set={set} selection={mayWrite ? selection : undefined} />
      {mayWrite && <BulkBar ids={ids} search={search} clear={clear} />}
      <Suspense fallback={null}>
        <SubscriberPanel id={search.open} tab={search.tab} onTab={(tab) => set({ tab })} onClose={() => set({ open: undefined, tab: undefined })} />
        {search.add && <CreateDialog onClose={() => set({ add: undefined })} onOpen={(open) => set({ add: undefined, open })} />}
      </Suspense>
    </Page>
  )
}
