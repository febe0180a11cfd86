import { ActionIcon, Menu } from '@mantine/core'
import { Download, Ellipsis, Upload } from 'lucide-react'
import { Suspense, lazy, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { prefix } from '@/api/client'
import { useMay } from '@/api/me'
import { filterOf } from '../api/list'
import type { SubscribersSearch } from '../search'

const ImportDialog = lazy(() => import('./ImportDialog').then((m) => ({ default: m.ImportDialog })))

/** CsvMenu takes the list that is shown out as a file, and customers in. */
export function CsvMenu({ search }: { search: SubscribersSearch }) {
  const { t } = useTranslation()
  const may = useMay()('subscriber:write')
  const [importing, setImporting] = useState(false)
  const query = new URLSearchParams(Object.entries(filterOf(search)).map(([k, v]) => [k, String(v)]))
  return (
    <>
      <Menu>
        <Menu.Target><ActionIcon title={t('csv.menu')} variant="default" size={36} aria-label={t('csv.menu')}><Ellipsis size={17} aria-hidden /></ActionIcon></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item component="a" href={`${prefix}/subscribers.csv?${query}`} download="subscribers.csv" leftSection={<Download size={15} aria-hidden />}>{t('csv.export')}</Menu.Item>
          {may && <Menu.Item leftSection={<Upload size={15} aria-hidden />} onClick={() => setImporting(true)}>{t('csv.import')}</Menu.Item>}
        </Menu.Dropdown>
      </Menu>
      <Suspense fallback={null}>{importing && <ImportDialog onClose={() => setImporting(false)} />}</Suspense>
    </>
  )
}
