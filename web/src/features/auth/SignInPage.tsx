import { Alert, Button, Stack, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { getRouteApi, useNavigate, useRouter } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { meQuery } from '@/api/me'
import { Password } from '@/ui/form/PasswordFields'
import { useApiForm } from '@/ui/form/useApiForm'
import { signIn } from './api'
import { Frame } from './Frame'

const route = getRouteApi('/sign-in')

export function SignInPage() {
  const { t } = useTranslation()
  const { next, realm } = route.useSearch()
  const client = useQueryClient()
  const navigate = useNavigate()
  const router = useRouter()
  const f = useApiForm(
    {
      initialValues: { name: '', password: '' },
      validate: { name: (v) => (v.trim() ? null : t('form.required')), password: (v) => (v ? null : t('form.required')) },
    },
    async (v) => {
      const name = v.name.trim()
      const { must_change_password: change } = await signIn(realm && !name.includes('@') ? `${name}@${realm}` : name, v.password)
      client.removeQueries({ queryKey: meQuery.queryKey })
      if (change) await navigate({ to: '/change-password' })
      else if (next) router.history.push(next)
      else await navigate({ to: '/' })
    },
  )
  return (
    <Frame title={t('auth.signIn')} realm={realm}>
      <form onSubmit={f.submit} noValidate>
        <Stack gap="md">
          {f.fault && <Alert color="red" variant="light" role="alert">{f.fault}</Alert>}
          <TextInput label={t('auth.name')} description={realm ? undefined : t('auth.nameHint')} autoComplete="username" autoCapitalize="none" autoFocus {...f.form.getInputProps('name')} />
          <Password label={t('auth.password')} autoComplete="current-password" {...f.form.getInputProps('password')} />
          <Button type="submit" loading={f.busy} fullWidth mt="xs">{t('auth.signIn')}</Button>
        </Stack>
      </form>
    </Frame>
  )
}
