import { SegmentedControl, SimpleGrid, Switch, TagsInput, Text, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMay } from '@/api/me'
import type { Body } from '@/api/types'
import { useAction } from '@/ui/feedback/useAction'
import { DateInput } from '@/ui/form/DateInput'
import { FormDialog } from '@/ui/form/FormDialog'
import { Permissions } from '@/ui/form/Permissions'
import { useApiForm } from '@/ui/form/useApiForm'
import { createKey } from './api'

type Use = 'billing' | 'rest' | 'full'

/** bodyOf asks for exactly what the use needs: a billing system speaks commands, a script speaks REST. */
function bodyOf(v: { use: Use; comment: string; sets: string[]; permissions: string[]; addresses: string[]; expires_at: string | null; idempotent: boolean }): Body<'CreateKeyBody'> {
  return {
    comment: v.comment, addresses: v.addresses, expires_at: v.expires_at ?? undefined, idempotent: v.use === 'billing' && v.idempotent,
    ...(v.use === 'full' ? { full: true } : v.use === 'billing' ? { sets: v.sets } : { permissions: v.permissions }),
  }
}

export function KeyDialog({ onClose, onMade }: { onClose: () => void; onMade: (k: { id: string; secret: string }) => void }) {
  const { t } = useTranslation()
  const may = useMay()
  const send = useAction((v: Parameters<typeof bodyOf>[0]) => createKey(bodyOf(v)), { refresh: ['keys'], quiet: true, after: onMade })
  const f = useApiForm(
    { initialValues: { use: 'billing' as Use, comment: '', sets: ['billing'], permissions: ['subscriber:*', 'plan:read', 'usage:read'], addresses: [] as string[], expires_at: null as string | null, idempotent: false } },
    (v) => send.mutateAsync(v),
  )
  const v = f.form.values
  return (
    <FormDialog opened title={t('keys.add')} onClose={onClose} of={f} action={t('keys.add')}>
      <SegmentedControl fullWidth aria-label={t('keys.use')} value={v.use} onChange={(u) => f.form.setFieldValue('use', u as Use)} data={(['billing', 'rest', 'full'] as const).map((value) => ({ value, label: t(`keys.uses.${value}`) }))} />
      <Text size="sm" c="dimmed">{t(`keys.useHints.${v.use}`)}</Text>
      <TextInput label={t('keys.comment')} placeholder="WHMCS" data-autofocus {...f.bind('comment')} />
      {v.use === 'billing' && <TagsInput label={t('keys.sets')} data={['billing']} {...f.bind('sets')} />}
      {v.use === 'rest' && <Permissions allowed={may} {...f.bind('permissions')} />}
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TagsInput label={t('keys.addresses')} description={t('keys.addressesHint')} placeholder="203.0.113.9" inputWrapperOrder={['label', 'input', 'description', 'error']} {...f.bind('addresses')} />
        <DateInput label={t('subscribers.expires')} description={t('subscribers.neverEmpty')} inputWrapperOrder={['label', 'input', 'description', 'error']} {...f.bind('expires_at')} />
      </SimpleGrid>
      {v.use === 'billing' && <Switch label={t('keys.idempotent')} checked={v.idempotent} onChange={(e) => f.form.setFieldValue('idempotent', e.currentTarget.checked)} />}
    </FormDialog>
  )
}
