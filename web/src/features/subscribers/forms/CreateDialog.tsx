import { Button, Collapse, Select, SimpleGrid, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { ChevronDown, ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { plansQuery } from '@/api/lookups'
import { DateInput } from '@/ui/form/DateInput'
import { FormDialog } from '@/ui/form/FormDialog'
import { Password } from '@/ui/form/PasswordFields'
import { useApiForm } from '@/ui/form/useApiForm'
import { createSubscriber } from '../api/actions'
import { CreatedDialog } from './CreatedDialog'
import { LimitFields } from './LimitFields'
import { bodyOf, freshValues, type Values } from './values'

interface Made { id: string; name: string; password: string }

export function CreateDialog({ onClose, onOpen }: { onClose: () => void; onOpen: (id: string) => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const plans = useQuery(plansQuery).data ?? []
  const [more, toggle] = useDisclosure()
  const [made, setMade] = useState<Made>()
  const f = useApiForm<Values>(
    { initialValues: freshValues, validate: { name: (v) => (v.trim() ? null : t('form.required')) } },
    async (v) => {
      const s = await createSubscriber(bodyOf(v))
      await client.invalidateQueries({ queryKey: ['subscribers'] })
      if (s.password) setMade({ id: s.id, name: s.name, password: s.password })
      else onOpen(s.id)
    },
  )
  if (made) return <CreatedDialog name={made.name} password={made.password} onClose={() => onOpen(made.id)} />
  return (
    <FormDialog opened title={t('subscribers.add')} onClose={onClose} of={f} action={t('subscribers.create')}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput label={t('subscribers.login')} data-autofocus autoCapitalize="none" autoComplete="off" withAsterisk {...f.bind('name')} />
        <Password label={t('auth.password')} placeholder={t('subscribers.passwordEmpty')} autoComplete="new-password" {...f.bind('password')} />
        <Select label={t('subscribers.plan')} searchable data={plans.map((p) => ({ value: p.id, label: p.name }))} placeholder="default" {...f.bind('plan')} />
        <DateInput label={t('subscribers.expires')} description={t('subscribers.expiresEmpty')} {...f.bind('expires_at')} inputWrapperOrder={['label', 'input', 'description', 'error']} />
        <TextInput label={t('subscribers.fullName')} {...f.bind('full_name')} />
        <TextInput label={t('subscribers.email')} type="email" {...f.bind('email')} />
      </SimpleGrid>
      <Button
        variant="subtle" size="compact-sm" style={{ alignSelf: 'flex-start' }} onClick={toggle.toggle} aria-expanded={more}
        leftSection={more ? <ChevronDown size={15} aria-hidden /> : <ChevronRight size={15} aria-hidden />}
      >
        {t('subscribers.moreFields')}
      </Button>
      <Collapse expanded={more}><LimitFields f={f} creating /></Collapse>
    </FormDialog>
  )
}
