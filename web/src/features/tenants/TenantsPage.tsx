import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function TenantsPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.tenants')}>{null}</Page>
}
