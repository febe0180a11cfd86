import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Device } from '@/api/types'
import { download, fileName } from '@/lib/download'
import { CodeBlock } from '@/ui/data/Copy'
import { QrPicture } from '@/ui/data/QrPicture'
import { SecretOnce } from '@/ui/data/SecretOnce'
import { Loaded } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { useApiForm } from '@/ui/form/useApiForm'
import { addDevice, deviceConfig, deviceQr } from '../api/detail'

export function AddDeviceDialog({ subscriber, onClose, onMade }: { subscriber: string; onClose: () => void; onMade: (d: Device) => void }) {
  const { t } = useTranslation()
  const send = useAction((v: { name: string; public_key: string }) => addDevice(subscriber, { name: v.name.trim(), public_key: v.public_key.trim() || undefined }), { refresh: ['subscribers'], quiet: true, after: onMade })
  const f = useApiForm({ initialValues: { name: '', public_key: '' }, validate: { name: (v: string) => (v.trim() ? null : t('form.required')) } }, (v) => send.mutateAsync(v))
  return (
    <FormDialog opened size="md" title={t('devices.add')} onClose={onClose} of={f} action={t('devices.add')}>
      <TextInput label={t('common.name')} placeholder={t('devices.namePlaceholder')} data-autofocus withAsterisk {...f.bind('name')} />
      <TextInput label={t('devices.publicKey')} description={t('devices.publicKeyHint')} inputWrapperOrder={['label', 'input', 'description', 'error']} {...f.bind('public_key')} />
    </FormDialog>
  )
}

/** DeviceConfigDialog gives out the file: to be scanned, saved or copied. */
export function DeviceConfigDialog({ device, onClose }: { device: Device; onClose: () => void }) {
  const { t } = useTranslation()
  const query = useQuery({
    queryKey: ['device-config', device.id], gcTime: 0, staleTime: Infinity, retry: false,
    queryFn: async () => {
      const qr = await deviceQr(device.id)
      return { qr, text: await deviceConfig(device.id) }
    },
  })
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>{device.name}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Loaded query={query} rows={8}>
        {({ qr, text }) => (
          <Stack>
            <QrPicture svg={qr} label={t('devices.qr', { name: device.name })} />
            <Text size="sm" c="dimmed" ta="center">{t('devices.qrHint')}</Text>
            <Group justify="center"><Button leftSection={<Download size={16} aria-hidden />} onClick={() => download(fileName(device.name, '.conf'), new Blob([text], { type: 'text/plain' }))}>{t('devices.file')}</Button></Group>
            <CodeBlock value={text} label={t('devices.copy')} />
          </Stack>
        )}
      </Loaded>
    </Modal>
  )
}

export function LinkOnceDialog({ url, onClose }: { url: string; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{t('devices.link')}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <SecretOnce note={t('devices.linkNote')} items={[[t('devices.linkWord'), url]]} />
    </Modal>
  )
}
