import { Select, SimpleGrid, Text, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMay } from '@/api/me'
import type { Body, Login } from '@/api/types'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { Password } from '@/ui/form/PasswordFields'
import { Permissions } from '@/ui/form/Permissions'
import { useApiForm } from '@/ui/form/useApiForm'
import { createLogin, updateLogin } from './api'

type Role = Body<'CreateLoginBody'>['role']
const roles: Role[] = ['owner', 'admin', 'billing', 'support', 'readonly', 'custom']

export function LoginDialog({ login, onClose, onMade }: { login?: Login; onClose: () => void; onMade: (name: string, password: string) => void }) {
  const { t } = useTranslation()
  const may = useMay()
  const initialValues = { name: login?.name ?? '', email: login?.email ?? '', role: (login?.role ?? 'support') as Role, permissions: login?.permissions ?? [], password: '' }
  const send = useAction(async ({ password, permissions, ...v }: typeof initialValues) => {
    const body = { ...v, ...(v.role === 'custom' ? { permissions } : {}) }
    if (login) {
      const { name } = await updateLogin(login, body)
      return { name, password: undefined }
    }
    return createLogin({ ...body, password: password || undefined })
  }, { refresh: ['logins'], done: t('common.saved'), quiet: true, after: (l) => (l.password ? onMade(l.name, l.password) : onClose()) })
  const f = useApiForm({ initialValues, validate: { name: (v: string) => (v.trim() ? null : t('form.required')) } }, (v) => send.mutateAsync(v))
  const role = f.form.values.role
  return (
    <FormDialog opened title={login ? t('staff.edit', { name: login.name }) : t('staff.add')} onClose={onClose} of={f} action={login ? t('common.save') : t('staff.add')}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TextInput label={t('common.name')} data-autofocus autoCapitalize="none" withAsterisk {...f.bind('name')} />
        <TextInput label={t('subscribers.email')} type="email" {...f.bind('email')} />
        <Select label={t('staff.role')} data={roles.map((value) => ({ value, label: t(`staff.roles.${value}`) }))} {...f.bind('role')} />
        {!login && <Password label={t('auth.password')} placeholder={t('subscribers.passwordEmpty')} autoComplete="new-password" {...f.bind('password')} />}
      </SimpleGrid>
      <Text size="sm" c="dimmed">{t(`staff.roleHints.${role}`)}</Text>
      {role === 'custom' && <Permissions allowed={may} {...f.bind('permissions')} />}
    </FormDialog>
  )
}
