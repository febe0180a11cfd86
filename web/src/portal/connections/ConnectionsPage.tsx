import { Stack, Title } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Section } from '@/ui/layout/Section'
import { Extras } from '../app/Extras'
import { Connections } from './Connections'
import { SignIns } from './SignIns'

export function ConnectionsPage() {
  const { t } = useTranslation()
  return (
    <Extras><Stack gap="md">
      <Title order={1} size="h3">{t('portal.page.connections')}</Title>
      <Section title={t('portal.connected')} hint={t('portal.connectedHint')}><Connections /></Section>
      <Section title={t('portal.signIns')} hint={t('portal.signInsHint')}><SignIns /></Section>
    </Stack></Extras>
  )
}
