import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function DashboardPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.dashboard')}>{null}</Page>
}
