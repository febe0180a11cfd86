import { Alert, Button, NumberInput, SimpleGrid, Stack, Switch, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMay } from '@/api/me'
import type { ProfileSetting } from '@/api/types'
import { useAction } from '@/ui/feedback/useAction'
import { useApiForm } from '@/ui/form/useApiForm'
import { Section } from '@/ui/layout/Section'
import { updateSetting } from './api'

/** ProfileSettings is what client apps show of this tenant's subscriptions. */
export function ProfileSettings({ setting: s }: { setting: ProfileSetting }) {
  const { t } = useTranslation()
  const may = useMay()('setting:write')
  const initialValues = { title: s.title, remark: s.remark, support_url: s.support_url, web_page_url: s.web_page_url, update_hours: s.update_hours, show_once: s.show_once }
  const send = useAction((v: typeof initialValues) => updateSetting(s, v), { refresh: ['profile-setting'], done: t('common.saved'), quiet: true })
  const f = useApiForm({ initialValues }, (v) => send.mutateAsync(v))
  return (
    <Section title={t('settings.profiles')} hint={t('settings.profilesHint')}>
      <form onSubmit={f.submit} noValidate>
        <fieldset disabled={!may} style={{ border: 0, padding: 0, margin: 0 }}>
          <Stack maw={720}>
            {f.fault && <Alert color="red" variant="light" role="alert">{f.fault}</Alert>}
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <TextInput label={t('settings.profileTitle')} {...f.bind('title')} />
              <NumberInput label={t('settings.updateHours')} {...f.bind('update_hours')} />
              <TextInput label={t('settings.supportUrl')} {...f.bind('support_url')} />
              <TextInput label={t('settings.webPage')} {...f.bind('web_page_url')} />
            </SimpleGrid>
            <TextInput label={t('settings.remark')} description={t('settings.remarkHint')} inputWrapperOrder={['label', 'input', 'description', 'error']} {...f.bind('remark')} />
            <Switch label={t('settings.showOnce')} description={t('settings.showOnceHint')} checked={f.form.values.show_once} onChange={(e) => f.form.setFieldValue('show_once', e.currentTarget.checked)} />
            {may && <Button type="submit" loading={f.busy} style={{ alignSelf: 'flex-start' }}>{t('common.save')}</Button>}
          </Stack>
        </fieldset>
      </form>
    </Section>
  )
}
