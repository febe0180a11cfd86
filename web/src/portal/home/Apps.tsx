import { Anchor, Badge, Button, Group, Stack, Text } from '@mantine/core'
import { Download, ExternalLink } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Subscription } from '../api'
import { apps, type Platform } from './platform'

/** Apps of a platform, the recommended one first: get it, then add the subscription by one press. */
export function Apps({ platform, links }: { platform: Platform; links: Subscription['links'] }) {
  const { t } = useTranslation()
  return (
    <Stack gap="sm" component="ul" m={0} p={0} style={{ listStyle: 'none' }}>
      {apps.filter((a) => a.for.includes(platform)).map((a, i) => {
        const link = links.find((l) => l.app === a.link)?.url
        return (
          <Group key={a.name} component="li" justify="space-between" gap="sm" wrap="nowrap">
            <div>
              <Group gap={8}>
                <Text fw={600} size="sm">{a.name}</Text>
                {i === 0 && <Badge size="xs" variant="light">{t('portal.recommended')}</Badge>}
              </Group>
              <Anchor href={a.get} target="_blank" rel="noopener noreferrer" size="sm"><Group gap={4} wrap="nowrap" component="span"><Download size={13} aria-hidden />{t('portal.getApp')}</Group></Anchor>
            </div>
            {link && (
              <Button component="a" href={link} size="sm" variant={i === 0 ? 'filled' : 'default'} rightSection={<ExternalLink size={15} aria-hidden />} aria-label={t('portal.importIn', { app: a.name })}>
                {t('portal.import')}
              </Button>
            )}
          </Group>
        )
      })}
    </Stack>
  )
}
