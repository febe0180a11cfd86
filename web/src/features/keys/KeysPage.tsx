import { useTranslation } from 'react-i18next'
import { Page } from '@/ui/layout/Page'

export function KeysPage() {
  const { t } = useTranslation()
  return <Page title={t('app.page.keys')}>{null}</Page>
}
