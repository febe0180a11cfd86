import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function JobsPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.jobs')}>{null}</Page>
}
