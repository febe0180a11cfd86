import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function PlansPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.plans')}>{null}</Page>
}
