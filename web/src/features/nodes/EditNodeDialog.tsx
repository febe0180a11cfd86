import { MultiSelect, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { groupsQuery } from '@/api/lookups'
import type { Node } from '@/api/types'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { useApiForm } from '@/ui/form/useApiForm'
import { updateNode } from './api'

export function EditNodeDialog({ node, onClose }: { node: Node; onClose: () => void }) {
  const { t } = useTranslation()
  const groups = useQuery(groupsQuery).data ?? []
  const initialValues = { name: node.name, host: node.host, region: node.region, comment: node.comment, groups: node.groups }
  const send = useAction((v: typeof initialValues) => updateNode(node, v), { refresh: ['nodes'], done: t('common.saved'), quiet: true, after: onClose })
  const f = useApiForm({ initialValues }, (v) => send.mutateAsync(v))
  return (
    <FormDialog opened size="md" title={t('nodes.editTitle', { name: node.name })} onClose={onClose} of={f} action={t('common.save')}>
      <TextInput label={t('common.name')} data-autofocus {...f.bind('name')} />
      <TextInput label={t('nodes.host')} description={t('nodes.hostHint')} {...f.bind('host')} />
      <TextInput label={t('nodes.region')} description={t('nodes.regionHint')} {...f.bind('region')} />
      <MultiSelect label={t('form.nodeGroups')} data={groups.map((g) => ({ value: g.id, label: g.name }))} {...f.bind('groups')} />
      <Textarea label={t('subscribers.comment')} autosize minRows={2} {...f.bind('comment')} />
    </FormDialog>
  )
}
