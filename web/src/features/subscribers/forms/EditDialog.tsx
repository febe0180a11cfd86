import { SimpleGrid, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Subscriber } from '@/api/types'
import { useAction } from '@/ui/feedback/useAction'
import { DateInput } from '@/ui/form/DateInput'
import { FormDialog } from '@/ui/form/FormDialog'
import { useApiForm } from '@/ui/form/useApiForm'
import { updateSubscriber } from '../api/actions'
import { LimitFields } from './LimitFields'
import { changesOf, valuesOf, type Values } from './values'

export function EditDialog({ subscriber, onClose }: { subscriber: Subscriber; onClose: () => void }) {
  const { t } = useTranslation()
  const before = valuesOf(subscriber)
  const save = useAction((v: Values) => updateSubscriber(subscriber, changesOf(before, v)), { refresh: ['subscribers'], done: t('common.saved'), quiet: true, after: onClose })
  const f = useApiForm<Values>({ initialValues: before }, (v) => save.mutateAsync(v))
  return (
    <FormDialog opened title={t('subscribers.editTitle', { name: subscriber.name })} onClose={onClose} of={f} action={t('common.save')}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput label={t('subscribers.fullName')} data-autofocus {...f.bind('full_name')} />
        <TextInput label={t('subscribers.email')} type="email" {...f.bind('email')} />
        <DateInput label={t('subscribers.expires')} description={t('subscribers.neverEmpty')} inputWrapperOrder={['label', 'input', 'description', 'error']} {...f.bind('expires_at')} />
      </SimpleGrid>
      <LimitFields f={f} />
    </FormDialog>
  )
}
