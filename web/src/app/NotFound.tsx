import { Compass, Lock } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { Link } from '@tanstack/react-router'
import { Anchor } from '@mantine/core'
import { Empty } from '@/ui/feedback/states'

export function NotFound() {
  const { t } = useTranslation()
  return <Empty icon={Compass} heading title={t('app.notFound')} action={<Anchor renderRoot={(p) => <Link to="/" {...p} />}>{t('app.toDashboard')}</Anchor>}>{t('app.notFoundHint')}</Empty>
}

/** Denied is what a page shows to those who may not see it. */
export function Denied() {
  const { t } = useTranslation()
  return <Empty icon={Lock} heading title={t('app.denied')} action={<Anchor renderRoot={(p) => <Link to="/" {...p} />}>{t('app.toDashboard')}</Anchor>}>{t('app.deniedHint')}</Empty>
}
