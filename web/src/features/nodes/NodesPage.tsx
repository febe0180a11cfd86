import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function NodesPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.nodes')}>{null}</Page>
}
