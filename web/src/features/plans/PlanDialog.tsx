import { Group, NumberInput, SimpleGrid, Switch, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { grantedGroupsQuery, protocolChoices } from '@/api/lookups'
import type { Plan } from '@/api/types'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { GroupsAndProtocols } from '@/ui/form/GroupsAndProtocols'
import { ResetSelect } from '@/ui/form/ResetSelect'
import { RateInput, SizeInput } from '@/ui/form/SizeInput'
import { useApiForm } from '@/ui/form/useApiForm'
import { createPlan, updatePlan, type PlanValues } from './api'

const fresh: PlanValues = {
  name: '', traffic_limit: 100 * 1024 ** 3, reset: 'monthly', term_days: 30, devices: 3, speed_down: 0, speed_up: 0, protocols: [], node_groups: [], price: 0, currency: '', hidden: false,
}

const valuesOf = (p: Plan): PlanValues => ({
  name: p.name, traffic_limit: p.traffic_limit, reset: p.reset as PlanValues['reset'], term_days: p.term_days, devices: p.devices, speed_down: p.speed_down, speed_up: p.speed_up,
  protocols: p.protocols, node_groups: p.node_groups, price: p.price, currency: p.currency, hidden: p.hidden,
})

export function PlanDialog({ plan, onClose }: { plan?: Plan; onClose: () => void }) {
  const { t } = useTranslation()
  const groups = useQuery(grantedGroupsQuery).data ?? []
  const send = useAction((v: PlanValues) => (plan ? updatePlan(plan, v) : createPlan(v)), { refresh: ['plans'], done: t('common.saved'), quiet: true, after: onClose })
  const f = useApiForm<PlanValues>(
    { initialValues: plan ? valuesOf(plan) : fresh, validate: { name: (v) => (v.trim() ? null : t('form.required')) } },
    (v) => send.mutateAsync(v),
  )
  const field = f.bind
  return (
    <FormDialog opened title={plan ? t('plans.edit', { name: plan.name }) : t('plans.add')} onClose={onClose} of={f} action={plan ? t('common.save') : t('plans.add')}>
      <TextInput label={t('common.name')} data-autofocus required withAsterisk {...field('name')} />
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="md">
        <SizeInput label={t('form.traffic')} none={-1} {...field('traffic_limit')} />
        <ResetSelect {...field('reset')} />
        <NumberInput label={t('plans.term')} description={t('plans.termHint')} suffix={t('plans.daysSuffix')} {...field('term_days')} />
        <NumberInput label={t('form.devices')} description={t('form.zeroNoLimit')} {...field('devices')} />
        <RateInput label={t('form.speedDown')} none={0} {...field('speed_down')} />
        <RateInput label={t('form.speedUp')} none={0} {...field('speed_up')} />
      </SimpleGrid>
      <GroupsAndProtocols protocols={field('protocols')} groups={field('node_groups')} protocolChoices={protocolChoices} groupChoices={groups.map((g) => ({ value: g.id, label: g.name }))} />
      <Group align="flex-start" grow>
        <NumberInput label={t('plans.price')} decimalScale={2} value={f.form.values.price / 100} error={f.form.errors.price} onChange={(v) => f.form.setFieldValue('price', Math.round(Number(v) * 100) || 0)} />
        <TextInput label={t('plans.currency')} placeholder="EUR" maxLength={3} {...field('currency')} />
      </Group>
      <Switch label={t('plans.hidden')} description={t('plans.hiddenHint')} {...f.form.getInputProps('hidden', { type: 'checkbox' })} />
    </FormDialog>
  )
}
