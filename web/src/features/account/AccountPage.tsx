import { SimpleGrid, Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMe } from '@/api/me'
import { Page } from '@/ui/layout/Page'
import { PasswordForm } from './PasswordForm'
import { ProfileForm } from './ProfileForm'
import { SignIns } from './SignIns'

export function AccountPage() {
  const { t } = useTranslation()
  const me = useMe()
  return (
    <Page title={t('app.page.account')} hint={me.realm ? `${me.name}@${me.realm}` : me.name}>
      <Stack gap="lg">
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg"><ProfileForm /><PasswordForm /></SimpleGrid>
        <SignIns />
      </Stack>
    </Page>
  )
}
