import { Alert, Button, Stack } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { meQuery } from '@/api/me'
import { Password } from '@/ui/form/PasswordFields'
import { useApiForm } from '@/ui/form/useApiForm'
import { changePassword } from './api'
import { Frame } from './Frame'

/** FirstPasswordPage stands before everything else until a password that somebody else knows is replaced. */
export function FirstPasswordPage() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const navigate = useNavigate()
  const f = useApiForm(
    {
      initialValues: { old_password: '', new_password: '', again: '' },
      validate: {
        old_password: (v) => (v ? null : t('form.required')),
        new_password: (v) => (v ? null : t('form.required')),
        again: (v, all) => (v === all.new_password ? null : t('auth.different')),
      },
    },
    async (v) => {
      await changePassword(v.old_password, v.new_password)
      await client.fetchQuery({ ...meQuery, staleTime: 0 })
      await navigate({ to: '/' })
    },
  )
  return (
    <Frame title={t('auth.choose')} hint={t('auth.chooseHint')}>
      <form onSubmit={f.submit} noValidate>
        <Stack gap="md">
          {f.fault && <Alert color="red" variant="light" role="alert">{f.fault}</Alert>}
          <Password label={t('auth.current')} autoComplete="current-password" autoFocus {...f.form.getInputProps('old_password')} />
          <Password label={t('auth.new')} autoComplete="new-password" {...f.form.getInputProps('new_password')} />
          <Password label={t('auth.again')} autoComplete="new-password" {...f.form.getInputProps('again')} />
          <Button type="submit" loading={f.busy} fullWidth mt="xs">{t('auth.save')}</Button>
        </Stack>
      </form>
    </Frame>
  )
}
