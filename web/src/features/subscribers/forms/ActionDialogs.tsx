import { Checkbox, Select, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { plansQuery } from '@/api/lookups'
import type { Subscriber } from '@/api/types'
import { GiB } from '@/lib/units'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { Password } from '@/ui/form/PasswordFields'
import { SizeInput } from '@/ui/form/SizeInput'
import { useApiForm } from '@/ui/form/useApiForm'
import * as actions from '../api/actions'
import { CreatedDialog } from './CreatedDialog'

interface Props { subscriber: Subscriber; onClose: () => void }

export const suspendReasons = ['manual', 'overdue', 'abuse'] as const

export function SuspendDialog({ subscriber, onClose }: Props) {
  const { t } = useTranslation()
  const send = useAction((reason: 'manual') => actions.suspend(subscriber, reason), { refresh: ['subscribers'], done: t('subscribers.suspended', { name: subscriber.name }), quiet: true, after: onClose })
  const f = useApiForm({ initialValues: { reason: 'manual' as const } }, (v) => send.mutateAsync(v.reason))
  return (
    <FormDialog opened size="md" danger title={t('subscribers.suspendTitle', { name: subscriber.name })} onClose={onClose} of={f} action={t('subscribers.suspend')}>
      <Text size="sm">{t('subscribers.suspendBody')}</Text>
      <Select label={t('subscribers.reason')} data={suspendReasons.map((value) => ({ value, label: t(`reason.${value}`) }))} {...f.bind('reason')} />
    </FormDialog>
  )
}

export function GrantDialog({ subscriber, onClose }: Props) {
  const { t } = useTranslation()
  const send = useAction((bytes: number) => actions.grant(subscriber.id, bytes), { refresh: ['subscribers'], done: t('common.saved'), quiet: true, after: onClose })
  const f = useApiForm({ initialValues: { bytes: 10 * GiB } }, (v) => send.mutateAsync(v.bytes))
  return (
    <FormDialog opened size="md" title={t('subscribers.grantTitle', { name: subscriber.name })} onClose={onClose} of={f} action={t('subscribers.grant')}>
      <Text size="sm">{t('subscribers.grantBody')}</Text>
      <SizeInput label={t('form.traffic')} {...f.bind('bytes')} />
    </FormDialog>
  )
}

export function PlanChangeDialog({ subscriber, onClose }: Props) {
  const { t } = useTranslation()
  const plans = useQuery(plansQuery).data ?? []
  const send = useAction((v: { plan: string; force: boolean }) => actions.changePlan(subscriber, v.plan, v.force), { refresh: ['subscribers'], done: t('common.saved'), quiet: true, after: onClose })
  const f = useApiForm({ initialValues: { plan: subscriber.plan_id, force: false } }, (v) => send.mutateAsync(v))
  return (
    <FormDialog opened size="md" title={t('subscribers.planTitle', { name: subscriber.name })} onClose={onClose} of={f} action={t('subscribers.planAction')}>
      <Text size="sm">{t('subscribers.planBody')}</Text>
      <Select label={t('subscribers.plan')} searchable data={plans.map((p) => ({ value: p.id, label: p.name }))} {...f.bind('plan')} />
      <Checkbox label={t('subscribers.planForce')} checked={f.form.values.force} onChange={(e) => f.form.setFieldValue('force', e.currentTarget.checked)} />
    </FormDialog>
  )
}

export function PasswordDialog({ subscriber, onClose }: Props) {
  const { t } = useTranslation()
  const [made, setMade] = useState('')
  const send = useAction((password: string) => actions.setPassword(subscriber, password), {
    refresh: ['subscribers'], done: t('common.saved'), quiet: true, after: (s) => (s.password ? setMade(s.password) : onClose()),
  })
  const f = useApiForm({ initialValues: { password: '' } }, (v) => send.mutateAsync(v.password))
  if (made) return <CreatedDialog name={subscriber.name} password={made} onClose={onClose} />
  return (
    <FormDialog opened size="md" title={t('subscribers.passwordTitle', { name: subscriber.name })} onClose={onClose} of={f} action={t('subscribers.passwordAction')}>
      <Text size="sm">{t('subscribers.passwordBody')}</Text>
      <Password label={t('auth.new')} placeholder={t('subscribers.passwordEmpty')} autoComplete="new-password" data-autofocus {...f.bind('password')} />
    </FormDialog>
  )
}
