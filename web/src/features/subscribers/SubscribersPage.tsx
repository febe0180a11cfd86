import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function SubscribersPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.subscribers')}>{null}</Page>
}
