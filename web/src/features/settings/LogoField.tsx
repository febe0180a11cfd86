import { Button, FileButton, Group, Text } from '@mantine/core'
import { ImageUp, Trash2 } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { prefix } from '@/api/client'
import { useAction } from '@/ui/feedback/useAction'
import icon from '@/ui/icon.svg'
import { removeLogo, setLogo } from './api'

export function LogoField({ tenant, realm, tag }: { tenant: string; realm: string; tag: string }) {
  const { t } = useTranslation()
  const o = { refresh: ['own-branding', 'branding'], done: t('common.saved') }
  const put = useAction((file: File) => setLogo(tenant, file), o)
  const remove = useAction(() => removeLogo(tenant), o)
  return (
    <div>
      <Text size="sm" fw={500} mb={6}>{t('settings.logo')}</Text>
      <Group>
        <img src={tag ? `${prefix}/branding/logo?realm=${encodeURIComponent(realm)}&v=${tag}` : icon} alt={t('settings.logo')} height={44} style={{ maxWidth: 200, objectFit: 'contain', borderRadius: 8 }} />
        <FileButton accept="image/png,image/jpeg,image/webp" onChange={(file) => file && put.mutate(file)} inputProps={{ 'aria-label': t('settings.logo') }}>
          {(p) => <Button variant="default" size="xs" leftSection={<ImageUp size={15} aria-hidden />} loading={put.isPending} {...p}>{t('settings.logoChoose')}</Button>}
        </FileButton>
        {tag && <Button variant="subtle" color="red" size="xs" leftSection={<Trash2 size={15} aria-hidden />} loading={remove.isPending} onClick={() => remove.mutate(undefined)}>{t('common.delete')}</Button>}
      </Group>
      <Text size="xs" c="dimmed" mt={6}>{t('settings.logoHint')}</Text>
    </div>
  )
}
