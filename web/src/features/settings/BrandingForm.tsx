import { Alert, Button, ColorInput, Select, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMay, useMe } from '@/api/me'
import type { Body } from '@/api/types'
import { isHexColor } from '@/lib/color'
import { languages, nativeNames } from '@/lib/language'
import { useAction } from '@/ui/feedback/useAction'
import { useApiForm } from '@/ui/form/useApiForm'
import { Section } from '@/ui/layout/Section'
import { updateBranding } from './api'
import { LogoField } from './LogoField'

type Values = Required<Body<'PatchBrandingBody'>>
export type OwnBranding = Omit<Values, 'language'> & { language: string; logo_tag: string; version: number }

const swatches = ['#2563eb', '#0f766e', '#15803d', '#7c3aed', '#be185d', '#c2410c', '#b91c1c', '#334155']

/** BrandingForm is how the panel and the portal of this tenant look. */
export function BrandingForm({ branding: b }: { branding: OwnBranding }) {
  const { t } = useTranslation()
  const tenant = useMe().tenant
  const may = useMay()('tenant:write')
  const initialValues: Values = { title: b.title, accent: b.accent, support_url: b.support_url, support_email: b.support_email, language: b.language as Values['language'], host: b.host }
  const send = useAction((v: Values) => updateBranding(tenant, v), { refresh: ['own-branding', 'branding'], done: t('common.saved'), quiet: true })
  const f = useApiForm<Values>({ initialValues, validate: { accent: (v) => (v === '' || isHexColor(v) ? null : t('settings.colorBad')) } }, (v) => send.mutateAsync(v))
  return (
    <Section title={t('settings.branding')} hint={t('settings.brandingHint')}>
      <form onSubmit={f.submit} noValidate>
        <fieldset disabled={!may} style={{ border: 0, padding: 0, margin: 0 }}>
          <Stack maw={720}>
            {f.fault && <Alert color="red" variant="light" role="alert">{f.fault}</Alert>}
            <LogoField tenant={tenant} realm={useMe().realm} tag={b.logo_tag} />
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <TextInput label={t('settings.title')} placeholder="Culvert" {...f.bind('title')} />
              <ColorInput label={t('settings.accent')} format="hex" swatches={swatches} swatchesPerRow={8} placeholder="#2563eb" popoverProps={{ withinPortal: true }} eyeDropperButtonProps={{ 'aria-label': t('settings.pickColor') }} {...f.bind('accent')} />
              <TextInput label={t('settings.supportUrl')} placeholder="https://help.example.com" {...f.bind('support_url')} />
              <TextInput label={t('settings.supportEmail')} type="email" {...f.bind('support_email')} />
              <Select label={t('settings.language')} data={[{ value: '', label: t('settings.languageAny') }, ...languages.map((value) => ({ value, label: nativeNames[value] }))]} {...f.bind('language')} />
              <TextInput label={t('settings.host')} description={t('settings.hostHint')} inputWrapperOrder={['label', 'input', 'description', 'error']} placeholder="vpn.example.com" {...f.bind('host')} />
            </SimpleGrid>
            <Text size="xs" c="dimmed">{t('settings.accentHint')}</Text>
            {may && <Button type="submit" loading={f.busy} style={{ alignSelf: 'flex-start' }}>{t('common.save')}</Button>}
          </Stack>
        </fieldset>
      </form>
    </Section>
  )
}
