import { Menu } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { FileBadge, RefreshCw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { certificatesQuery } from '@/api/lookups'
import { useMay } from '@/api/me'
import type { Certificate } from '@/api/types'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { useConfirm } from '@/ui/feedback/confirm'
import { Empty } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import { CardTable } from '@/ui/table/CardTable'
import { RowMenu } from '@/ui/table/RowMenu'
import { deleteCertificate } from './api'
import { CertificateDialog } from './CertificateDialog'

const soon = 21 * 86_400_000

export function CertificatesTab() {
  const { t } = useTranslation()
  const query = useQuery(certificatesQuery)
  const may = useMay()('network:write')
  const confirm = useConfirm()
  const [replacing, setReplacing] = useState<Certificate>()
  const remove = useAction(deleteCertificate, { refresh: ['certificates'], quiet: true })
  const color = (c: Certificate) => (Date.parse(c.not_after) < Date.now() + soon ? 'var(--c-bad)' : undefined)
  const menu = (c: Certificate) => (
    <RowMenu name={c.name}>
      <Menu.Item leftSection={<RefreshCw size={15} aria-hidden />} onClick={() => setReplacing(c)}>{t('certificates.replace')}</Menu.Item>
      <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => confirm({ title: t('certificates.deleteTitle', { name: c.name }), body: t('certificates.deleteBody'), action: t('common.delete'), danger: true, run: () => remove.mutateAsync(c) })}>{t('common.delete')}</Menu.Item>
    </RowMenu>
  )
  return (
    <>
      <CardTable
        label={t('nodes.tabs.certificates')} query={query} id={(c) => c.id} empty={<Empty icon={FileBadge} title={t('certificates.empty')}>{t('certificates.emptyHint')}</Empty>}
        columns={[
          { key: 'name', title: t('common.name'), width: 'minmax(120px,1fr)', cell: (c) => c.name },
          { key: 'names', title: t('certificates.names'), width: 'minmax(160px,2fr)', cell: (c) => c.names.join(', ') },
          { key: 'source', title: t('certificates.source'), width: '140px', cell: (c) => t(`certificates.sources.${c.source as 'self_signed'}`, { defaultValue: c.source }) },
          { key: 'until', title: t('certificates.until'), width: '150px', cell: (c) => <RelativeTime at={c.not_after} c={color(c)} /> },
          ...(may ? [{ key: 'menu', title: '', width: '40px', align: 'right' as const, cell: menu }] : []),
        ]}
      />
      {replacing && <CertificateDialog replaces={replacing} onClose={() => setReplacing(undefined)} />}
    </>
  )
}
