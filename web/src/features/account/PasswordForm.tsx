import { Alert, Button, Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useAction } from '@/ui/feedback/useAction'
import { Password } from '@/ui/form/PasswordFields'
import { useApiForm } from '@/ui/form/useApiForm'
import { Section } from '@/ui/layout/Section'
import { changePassword } from './api'

export function PasswordForm() {
  const { t } = useTranslation()
  const send = useAction((v: { old: string; next: string }) => changePassword(v.old, v.next), { refresh: ['my-sessions'], done: t('account.passwordChanged'), quiet: true })
  const required = (v: string) => (v ? null : t('form.required'))
  const f = useApiForm(
    { initialValues: { old_password: '', new_password: '', again: '' }, validate: { old_password: required, new_password: required, again: (v, all) => (v === all.new_password ? null : t('auth.different')) } },
    async (v) => {
      await send.mutateAsync({ old: v.old_password, next: v.new_password })
      f.form.reset()
    },
  )
  return (
    <Section title={t('account.password')} hint={t('account.passwordHint')}>
      <form onSubmit={f.submit} noValidate>
        <Stack>
          {f.fault && <Alert color="red" variant="light" role="alert">{f.fault}</Alert>}
          <Password label={t('auth.current')} autoComplete="current-password" {...f.bind('old_password')} />
          <Password label={t('auth.new')} autoComplete="new-password" {...f.bind('new_password')} />
          <Password label={t('auth.again')} autoComplete="new-password" {...f.bind('again')} />
          <Button type="submit" loading={f.busy} style={{ alignSelf: 'flex-start' }}>{t('account.password')}</Button>
        </Stack>
      </form>
    </Section>
  )
}
