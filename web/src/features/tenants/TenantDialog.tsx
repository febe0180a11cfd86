import { Button, Group, Modal, MultiSelect, SimpleGrid, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { grantedGroupsQuery } from '@/api/lookups'
import type { Tenant } from '@/api/types'
import { SecretOnce } from '@/ui/data/SecretOnce'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { Password } from '@/ui/form/PasswordFields'
import { useApiForm } from '@/ui/form/useApiForm'
import { createTenant, updateTenant } from './api'

/** TenantDialog makes a reseller with its first person, or renames one. */
export function TenantDialog({ tenant, onClose }: { tenant?: Tenant; onClose: () => void }) {
  const { t } = useTranslation()
  const groups = useQuery(grantedGroupsQuery).data ?? []
  const [made, setMade] = useState<[string, string][]>()
  const initialValues = { name: tenant?.name ?? '', realm: tenant?.realm ?? '', node_groups: tenant?.node_groups ?? [], owner: '', email: '', password: '' }
  const send = useAction(async (v: typeof initialValues) => {
    if (tenant) {
      await updateTenant(tenant, { name: v.name, node_groups: v.node_groups })
      return undefined
    }
    return createTenant({ name: v.name, realm: v.realm, node_groups: v.node_groups, owner: { name: v.owner, email: v.email || undefined, password: v.password || undefined } })
  }, {
    refresh: ['tenants'], done: t('common.saved'), quiet: true,
    after: (x) => (x?.owner_password ? setMade([[t('auth.signIn'), `${f.form.values.owner}@${x.realm}`], [t('auth.password'), x.owner_password]]) : onClose()),
  })
  const required = (v: string) => (v.trim() ? null : t('form.required'))
  const f = useApiForm({ initialValues, validate: tenant ? { name: required } : { name: required, realm: required, owner: required } }, (v) => send.mutateAsync(v), { 'owner.name': 'owner', 'owner.email': 'email', 'owner.password': 'password' })
  if (made) {
    return (
      <Modal opened onClose={onClose} title={<Text fw={650}>{t('tenants.created', { name: f.form.values.name })}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
        <SecretOnce items={made} />
        <Group justify="flex-end" mt="lg"><Button onClick={onClose}>{t('common.close')}</Button></Group>
      </Modal>
    )
  }
  return (
    <FormDialog opened title={tenant ? t('tenants.edit', { name: tenant.name }) : t('tenants.add')} onClose={onClose} of={f} action={tenant ? t('common.save') : t('tenants.add')}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput label={t('common.name')} data-autofocus withAsterisk placeholder="Acme" {...f.bind('name')} />
        <TextInput label={t('tenants.realm')} description={t('tenants.realmHint')} inputWrapperOrder={['label', 'input', 'description', 'error']} withAsterisk disabled={Boolean(tenant)} placeholder="acme" {...f.bind('realm')} />
      </SimpleGrid>
      {groups.length > 0 && <MultiSelect label={t('form.nodeGroups')} placeholder={f.form.values.node_groups.length > 0 ? undefined : t('form.everyGroup')} data={groups.map((g) => ({ value: g.id, label: g.name }))} {...f.bind('node_groups')} />}
      {!tenant && (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextInput label={t('tenants.owner')} description={t('tenants.ownerHint')} inputWrapperOrder={['label', 'input', 'description', 'error']} withAsterisk autoCapitalize="none" placeholder="boss" {...f.bind('owner')} />
          <TextInput label={t('subscribers.email')} type="email" {...f.bind('email')} />
          <Password label={t('auth.password')} placeholder={t('subscribers.passwordEmpty')} autoComplete="new-password" {...f.bind('password')} />
        </SimpleGrid>
      )}
    </FormDialog>
  )
}
