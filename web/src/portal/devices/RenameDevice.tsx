import { Button, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { asApiError } from '@/lib/problem'
import { useAction } from '@/ui/feedback/useAction'
import { renameDevice, type Device } from '../api'

function Form({ device, onClose }: { device: Device; onClose: () => void }) {
  const { t } = useTranslation()
  const [name, setName] = useState(device.name)
  const rename = useAction((n: string) => renameDevice(device, n), { refresh: ['devices'], done: t('common.saved'), quiet: true, after: onClose })
  const fault = rename.error ? asApiError(rename.error) : undefined
  const send = (e: FormEvent) => {
    e.preventDefault()
    rename.mutate(name.trim())
  }
  return (
    <form onSubmit={send} noValidate>
      <Stack gap="md">
        <TextInput label={t('portal.deviceName')} maxLength={64} value={name} onChange={(e) => setName(e.currentTarget.value)} error={fault && (fault.formErrors(['name']).errors.name ?? fault.message)} data-autofocus />
        <Button type="submit" loading={rename.isPending} disabled={!name.trim()}>{t('common.save')}</Button>
      </Stack>
    </form>
  )
}

export function RenameDevice({ device, onClose }: { device?: Device; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal opened={!!device} onClose={onClose} title={<Text fw={650}>{t('portal.rename')}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
      {device && <Form key={device.id} device={device} onClose={onClose} />}
    </Modal>
  )
}
