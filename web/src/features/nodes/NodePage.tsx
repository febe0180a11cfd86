import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function NodePage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.nodes')}>{null}</Page>
}
