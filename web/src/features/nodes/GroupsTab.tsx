import { Menu, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Layers, Pencil, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { groupsQuery, nodesQuery } from '@/api/lookups'
import { useMay } from '@/api/me'
import type { NodeGroup } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { useConfirm } from '@/ui/feedback/confirm'
import { Empty } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { useApiForm } from '@/ui/form/useApiForm'
import { CardTable } from '@/ui/table/CardTable'
import { RowMenu } from '@/ui/table/RowMenu'
import { createGroup, deleteGroup, updateGroup } from './api'

/** GroupsTab names sets of nodes, which plans and resellers are given. */
export function GroupsTab() {
  const { t, f } = useWords()
  const query = useQuery(groupsQuery)
  const nodes = useQuery(nodesQuery).data ?? []
  const may = useMay()('node:write')
  const confirm = useConfirm()
  const [editing, setEditing] = useState<NodeGroup>()
  const remove = useAction(deleteGroup, { refresh: ['groups'], quiet: true })
  const menu = (g: NodeGroup) => (
    <RowMenu name={g.name}>
      <Menu.Item leftSection={<Pencil size={15} aria-hidden />} onClick={() => setEditing(g)}>{t('common.edit')}</Menu.Item>
      <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => confirm({ title: t('groups.deleteTitle', { name: g.name }), body: t('groups.deleteBody'), action: t('common.delete'), danger: true, run: () => remove.mutateAsync(g) })}>{t('common.delete')}</Menu.Item>
    </RowMenu>
  )
  return (
    <>
      <CardTable
        label={t('nodes.tabs.groups')} query={query} id={(g) => g.id} empty={<Empty icon={Layers} title={t('groups.empty')}>{t('groups.emptyHint')}</Empty>}
        columns={[
          { key: 'name', title: t('common.name'), width: 'minmax(120px,1fr)', cell: (g) => g.name },
          { key: 'comment', title: t('subscribers.comment'), width: 'minmax(120px,2fr)', cell: (g) => g.comment },
          { key: 'nodes', title: t('app.page.nodes'), width: '100px', align: 'right', cell: (g) => f.number(nodes.filter((n) => n.groups.includes(g.id)).length) },
          ...(may ? [{ key: 'menu', title: '', width: '40px', align: 'right' as const, cell: menu }] : []),
        ]}
      />
      {editing && <GroupDialog group={editing} onClose={() => setEditing(undefined)} />}
    </>
  )
}

export function GroupDialog({ group, onClose }: { group?: NodeGroup; onClose: () => void }) {
  const { t } = useWords()
  const initialValues = { name: group?.name ?? '', comment: group?.comment ?? '' }
  const send = useAction((v: typeof initialValues) => (group ? updateGroup(group, v) : createGroup(v)), { refresh: ['groups'], done: t('common.saved'), quiet: true, after: onClose })
  const f = useApiForm({ initialValues, validate: { name: (v: string) => (v.trim() ? null : t('form.required')) } }, (v) => send.mutateAsync(v))
  return (
    <FormDialog opened size="md" title={group ? t('groups.edit', { name: group.name }) : t('groups.add')} onClose={onClose} of={f} action={group ? t('common.save') : t('groups.add')}>
      <TextInput label={t('common.name')} data-autofocus withAsterisk {...f.bind('name')} />
      <TextInput label={t('subscribers.comment')} {...f.bind('comment')} />
    </FormDialog>
  )
}
