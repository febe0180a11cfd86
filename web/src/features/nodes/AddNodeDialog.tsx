import { TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { EnrolToken, Node } from '@/api/types'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { useApiForm } from '@/ui/form/useApiForm'
import { createNode, enrolToken } from './api'
import { EnrolDialog } from './EnrolDialog'

/** AddNodeDialog names a node, then waits with the line to run there until it has connected. */
export function AddNodeDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [made, setMade] = useState<{ node: Node; token: EnrolToken }>()
  const send = useAction(async (v: { name: string; host: string; region: string }) => {
    const node = await createNode(v)
    return { node, token: await enrolToken(node.id) }
  }, { refresh: ['nodes'], quiet: true, after: setMade })
  const f = useApiForm({ initialValues: { name: '', host: '', region: '' }, validate: { name: (v: string) => (v.trim() ? null : t('form.required')) } }, (v) => send.mutateAsync(v))
  if (made) return <EnrolDialog node={made.node} token={made.token} onClose={onClose} />
  return (
    <FormDialog opened size="md" title={t('nodes.add')} onClose={onClose} of={f} action={t('nodes.next')}>
      <TextInput label={t('common.name')} placeholder="eu1" data-autofocus withAsterisk {...f.bind('name')} />
      <TextInput label={t('nodes.host')} description={t('nodes.hostHint')} placeholder="eu1.example.com" {...f.bind('host')} />
      <TextInput label={t('nodes.region')} description={t('nodes.regionHint')} {...f.bind('region')} />
    </FormDialog>
  )
}
