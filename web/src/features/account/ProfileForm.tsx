import { Alert, Button, Select, Stack, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMe } from '@/api/me'
import { chooseLanguage } from '@/i18n/setup'
import { languages, nativeNames, type Language } from '@/lib/language'
import { useAction } from '@/ui/feedback/useAction'
import { useApiForm } from '@/ui/form/useApiForm'
import { Section } from '@/ui/layout/Section'
import { changeMe } from './api'

export function ProfileForm() {
  const { t, i18n } = useTranslation()
  const me = useMe()
  const send = useAction(changeMe, { refresh: ['me'], done: t('common.saved'), quiet: true })
  const f = useApiForm({ initialValues: { email: me.email, language: (me.language || i18n.language) as Language } }, async (v) => {
    await send.mutateAsync(v)
    await chooseLanguage(v.language)
  })
  return (
    <Section title={t('account.profile')}>
      <form onSubmit={f.submit} noValidate>
        <Stack>
          {f.fault && <Alert color="red" variant="light" role="alert">{f.fault}</Alert>}
          <TextInput label={t('subscribers.email')} type="email" autoComplete="email" {...f.bind('email')} />
          <Select label={t('common.language')} data={languages.map((value) => ({ value, label: nativeNames[value] }))} {...f.bind('language')} />
          <Button type="submit" loading={f.busy} style={{ alignSelf: 'flex-start' }}>{t('common.save')}</Button>
        </Stack>
      </form>
    </Section>
  )
}
