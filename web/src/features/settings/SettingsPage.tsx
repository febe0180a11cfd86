import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function SettingsPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.settings')}>{null}</Page>
}
