import { Button, Group, Menu, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Pencil, Plus, RadioTower, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ingressesQuery, protocolName } from '@/api/lookups'
import { useMay } from '@/api/me'
import type { Ingress, Node } from '@/api/types'
import { StatusPill } from '@/ui/data/StatusPill'
import { useConfirm } from '@/ui/feedback/confirm'
import { Empty } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import { CardTable } from '@/ui/table/CardTable'
import type { Column } from '@/ui/table/column'
import { RowMenu } from '@/ui/table/RowMenu'
import { deleteIngress } from './api'
import { ServiceDialog } from './ServiceDialog'

/** ServicesTab is what the node listens for. */
export function ServicesTab({ node }: { node: Node }) {
  const { t } = useTranslation()
  const query = useQuery({ ...ingressesQuery(node.id), refetchInterval: 15_000 })
  const may = useMay()('network:write')
  const confirm = useConfirm()
  const [dialog, setDialog] = useState<Ingress | 'new'>()
  const remove = useAction(deleteIngress, { refresh: ['ingresses', 'nodes'], quiet: true })
  const add = may && <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setDialog('new')}>{t('services.add')}</Button>
  const columns: Column<Ingress>[] = [
    { key: 'name', title: t('common.name'), width: 'minmax(120px,1fr)', cell: (g) => g.name },
    { key: 'kind', title: t('subscribers.protocol'), width: '140px', cell: (g) => protocolName(g.kind) },
    { key: 'listen', title: t('services.listen'), width: '150px', cell: (g) => g.listen },
    { key: 'state', title: t('nodes.status'), width: '120px', cell: (g) => <ServiceState ingress={g} /> },
    { key: 'note', title: t('services.note'), width: 'minmax(120px,1.8fr)', cell: (g) => (g.fault || g.warnings.length > 0) && <Text span size="xs" c={g.fault ? 'var(--c-bad)' : 'var(--c-warn)'} title={[g.fault, ...g.warnings].join('\n')}>{[g.fault, ...g.warnings].filter(Boolean).join('; ')}</Text> },
  ]
  const menu = (g: Ingress) => (
    <RowMenu name={g.name}>
      <Menu.Item leftSection={<Pencil size={15} aria-hidden />} onClick={() => setDialog(g)}>{t('common.edit')}</Menu.Item>
      <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => confirm({ title: t('services.deleteTitle', { name: g.name }), body: t('services.deleteBody'), action: t('common.delete'), danger: true, run: () => remove.mutateAsync(g) })}>{t('common.delete')}</Menu.Item>
    </RowMenu>
  )
  return (
    <Stack>
      {(query.data?.length ?? 0) > 0 && <Group justify="flex-end">{add}</Group>}
      <CardTable
        label={t('nodes.tab.services')} query={query} id={(g) => g.id} onOpen={may ? setDialog : undefined} columns={may ? [...columns, { key: 'menu', title: '', width: '40px', align: 'right', cell: menu }] : columns}
        empty={<Empty icon={RadioTower} title={t('services.empty')} action={add}>{t('services.emptyHint')}</Empty>}
      />
      {dialog && <ServiceDialog key={dialog === 'new' ? 'new' : dialog.id} node={node} ingress={dialog === 'new' ? undefined : dialog} onClose={() => setDialog(undefined)} />}
    </Stack>
  )
}

function ServiceState({ ingress: g }: { ingress: Ingress }) {
  const { t } = useTranslation()
  if (!g.enabled) return <StatusPill tone="mute" label={t('services.off')} />
  return g.fault ? <StatusPill tone="bad" label={t('services.fault')} /> : <StatusPill tone="ok" label={t('services.on')} />
}
