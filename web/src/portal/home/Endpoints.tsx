import { ActionIcon, Group, Modal, Stack, Text, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { QrCode } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { CodeBlock, Copy } from '@/ui/data/Copy'
import { QrPicture } from '@/ui/data/QrPicture'
import { Loaded } from '@/ui/feedback/states'
import { endpointsQuery, type Endpoint } from '../api'

/** Endpoints are the single connections, for apps that know no subscriptions. */
export function Endpoints() {
  const { t } = useTranslation()
  const [shown, setShown] = useState<Endpoint>()
  const query = useQuery(endpointsQuery)
  return (
    <Loaded query={query} rows={3}>
      {(all) => (
        <Stack gap={0} mt="xs">
          {all.map((e) => (
            <Group key={`${e.name} ${e.link}`} justify="space-between" wrap="nowrap" py={8} style={{ borderTop: '1px solid var(--c-line)' }}>
              <div style={{ minWidth: 0 }}>
                <Text size="sm" fw={550} truncate>{e.name}</Text>
                {!e.notice && <Text size="xs" c="dimmed" truncate>{e.host}:{e.port}</Text>}
              </div>
              {!e.notice && (
                <Group gap={2} wrap="nowrap">
                  {e.link && <Copy value={e.link} label={t('portal.copyLink', { name: e.name })} />}
                  <Tooltip label={t('portal.details')}>
                    <ActionIcon variant="subtle" color="gray" aria-label={t('portal.detailsOf', { name: e.name })} onClick={() => setShown(e)}><QrCode size={16} aria-hidden /></ActionIcon>
                  </Tooltip>
                </Group>
              )}
            </Group>
          ))}
          <Modal opened={!!shown} onClose={() => setShown(undefined)} title={<Text fw={650}>{shown?.name}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
            {shown && (
              <Stack gap="md">
                <QrPicture svg={shown.qr} label={t('portal.qrOf', { name: shown.name })} />
                {shown.link && <CodeBlock value={shown.link} />}
                {shown.user && (
                  <>
                    <Text size="sm" fw={550}>{t('portal.byHand')}</Text>
                    <CodeBlock value={`${shown.host}:${shown.port}`} label={t('portal.copyServer')} />
                    <CodeBlock value={shown.user} label={t('portal.copyUser')} />
                    <CodeBlock value={shown.password ?? ''} label={t('portal.copyPassword')} />
                  </>
                )}
              </Stack>
            )}
          </Modal>
        </Stack>
      )}
    </Loaded>
  )
}
