import { Anchor, Group } from '@mantine/core'
import { LifeBuoy, Mail } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Branding } from '@/api/branding'

/** Support is how the seller is reached, as far as they said it. */
export function Support({ brand }: { brand?: Branding }) {
  const { t } = useTranslation()
  if (!brand?.support_url && !brand?.support_email) return null
  return (
    <Group gap="lg" justify="center">
      {brand.support_url && <Anchor href={brand.support_url} target="_blank" rel="noopener noreferrer" size="sm"><Group gap={6} component="span"><LifeBuoy size={15} aria-hidden />{t('portal.support')}</Group></Anchor>}
      {brand.support_email && <Anchor href={`mailto:${brand.support_email}`} size="sm"><Group gap={6} component="span"><Mail size={15} aria-hidden />{brand.support_email}</Group></Anchor>}
    </Group>
  )
}
