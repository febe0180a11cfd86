import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function StaffPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.staff')}>{null}</Page>
}
