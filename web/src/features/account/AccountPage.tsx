import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function AccountPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.account')}>{null}</Page>
}
