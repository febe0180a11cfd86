import { Button, Center, Group, Loader, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { download, fileName } from '@/lib/download'
import { Copy } from '@/ui/data/Copy'
import { QrPicture } from '@/ui/data/QrPicture'

/** FileView shows a WireGuard configuration as picture and file. Both are made here: the file may hold a key that only this page has. */
export function FileView({ name, file }: { name: string; file: string }) {
  const { t } = useTranslation()
  const qr = useQuery({ queryKey: ['qr', file], queryFn: async () => (await import('uqr')).renderSVG(file, { ecc: 'L', border: 2 }), staleTime: Infinity, gcTime: 0 })
  return (
    <Stack gap="md" align="center">
      {qr.data ? <QrPicture svg={qr.data} label={t('portal.qrOf', { name })} size={280} /> : <Center h={304}><Loader /></Center>}
      <Text size="sm" c="dimmed" ta="center">{t('portal.scanWireguard')}</Text>
      <Group gap="xs">
        <Button leftSection={<Download size={16} aria-hidden />} onClick={() => download(fileName(name.slice(0, 15), '.conf'), new Blob([file], { type: 'text/plain' }))}>{t('portal.downloadFile')}</Button>
        <Copy value={file} label={t('portal.copyFile')} />
      </Group>
    </Stack>
  )
}
