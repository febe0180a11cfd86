import { NumberInput, Select, SimpleGrid, Stack, Switch, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { grantedGroupsQuery, protocolChoices } from '@/api/lookups'
import { languages, nativeNames } from '@/lib/language'
import { GroupsAndProtocols } from '@/ui/form/GroupsAndProtocols'
import { ResetSelect } from '@/ui/form/ResetSelect'
import { RateInput, SizeInput } from '@/ui/form/SizeInput'
import type { ApiForm } from '@/ui/form/useApiForm'
import { ByPlan } from './ByPlan'
import type { Values } from './values'

/** LimitFields are a subscriber's own limits; at creation each is the plan's until it is set here. */
export function LimitFields({ f, creating }: { f: ApiForm<Values>; creating?: boolean }) {
  const { t } = useTranslation()
  const groups = useQuery(grantedGroupsQuery).data ?? []
  const v = f.form.values
  const own = (name: 'traffic_limit' | 'speed_down' | 'speed_up', first: number) => ({ own: v[name] !== null, set: (on: boolean) => f.form.setFieldValue(name, on ? first : null) })
  const size = { ...f.bind('traffic_limit'), value: v.traffic_limit ?? -1 }
  const down = { ...f.bind('speed_down'), value: v.speed_down ?? 0 }
  const up = { ...f.bind('speed_up'), value: v.speed_up ?? 0 }
  return (
    <Stack gap="md">
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <ByPlan label={t('form.traffic')} creating={creating} {...own('traffic_limit', 100 * 1024 ** 3)}><SizeInput label={t('form.traffic')} none={-1} {...size} /></ByPlan>
        <ResetSelect placeholder={t('subscribers.byPlan')} clearable allowDeselect {...f.bind('reset')} />
        <ByPlan label={t('form.speedDown')} creating={creating} {...own('speed_down', 100e6)}><RateInput label={t('form.speedDown')} none={0} {...down} /></ByPlan>
        <ByPlan label={t('form.speedUp')} creating={creating} {...own('speed_up', 100e6)}><RateInput label={t('form.speedUp')} none={0} {...up} /></ByPlan>
        <NumberInput label={t('form.devices')} placeholder={creating ? t('subscribers.byPlan') : undefined} description={t('form.zeroNoLimit')} inputWrapperOrder={['label', 'input', 'description', 'error']} {...f.bind('devices')} />
        <Select
          label={t('common.language')} data={[{ value: '', label: t('subscribers.languageAny') }, ...languages.map((value) => ({ value, label: nativeNames[value] }))]}
          {...f.bind('language')}
        />
      </SimpleGrid>
      <GroupsAndProtocols protocols={f.bind('protocols')} groups={f.bind('node_groups')} protocolChoices={protocolChoices} groupChoices={groups.map((g) => ({ value: g.id, label: g.name }))} />
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput label={t('subscribers.externalId')} description={t('subscribers.externalIdHint')} inputWrapperOrder={['label', 'input', 'description', 'error']} {...f.bind('external_id')} />
        <TextInput label={t('subscribers.label')} {...f.bind('label')} />
      </SimpleGrid>
      <Textarea label={t('subscribers.comment')} autosize minRows={2} {...f.bind('comment')} />
      {creating && <Switch label={t('subscribers.onHold')} description={t('subscribers.onHoldHint')} checked={v.on_hold} onChange={(e) => f.form.setFieldValue('on_hold', e.currentTarget.checked)} />}
    </Stack>
  )
}
