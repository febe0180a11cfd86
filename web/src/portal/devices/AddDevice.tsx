import { Alert, Button, Modal, Radio, Stack, Text, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { ShieldCheck } from 'lucide-react'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { asApiError } from '@/lib/problem'
import { addDevice, deviceFile } from '../api'
import { FileView } from './FileView'
import { complete, makePair } from './keys'

interface Made { name: string; file: string; here: boolean }

/** make adds a device. With its key made here, the panel learns the public half alone. */
async function make(name: string, here: boolean): Promise<Made> {
  const pair = here ? await makePair() : undefined
  const d = await addDevice(name, pair?.publicKey)
  return pair ? { name, file: complete(await deviceFile(d.id, true), pair.privateKey), here: true } : { name, file: await deviceFile(d.id), here: false }
}

export function AddDevice({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [name, setName] = useState('')
  const [here, setHere] = useState('panel')
  const [made, setMade] = useState<Made>()
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<{ name?: string; rest?: string }>({})

  const send = async (e: FormEvent) => {
    e.preventDefault()
    setBusy(true)
    setFault({})
    try {
      setMade(await make(name.trim(), here === 'here'))
    } catch (caught) {
      const p = asApiError(caught)
      const { errors } = p.formErrors(['name'])
      setFault(errors.name ? { name: errors.name } : { rest: p.message })
    } finally {
      setBusy(false)
      void client.invalidateQueries({ queryKey: ['devices'] })
    }
  }
  const close = () => {
    onClose()
    setName('')
    setMade(undefined)
    setFault({})
  }
  return (
    <Modal opened={opened} onClose={close} title={<Text fw={650}>{made ? made.name : t('portal.addDevice')}</Text>} closeOnClickOutside={!made?.here} closeButtonProps={{ 'aria-label': t('common.close') }}>
      {made ? (
        <Stack gap="md">
          {made.here && <Alert color="yellow" variant="light" icon={<ShieldCheck size={18} aria-hidden />}>{t('portal.onlyHere')}</Alert>}
          <FileView name={made.name} file={made.file} />
          <Button variant="default" onClick={close}>{t('portal.done')}</Button>
        </Stack>
      ) : (
        <form onSubmit={(e) => void send(e)} noValidate>
          <Stack gap="md">
            {fault.rest && <Alert color="red" variant="light" role="alert">{fault.rest}</Alert>}
            <TextInput label={t('portal.deviceName')} placeholder={t('portal.devicePlaceholder')} maxLength={64} value={name} error={fault.name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
            <Radio.Group label={t('portal.whoMakesKey')} value={here} onChange={setHere}>
              <Stack gap="xs" mt="xs">
                <Radio value="panel" label={t('portal.keyPanel')} description={t('portal.keyPanelHint')} />
                <Radio value="here" label={t('portal.keyHere')} description={t('portal.keyHereHint')} />
              </Stack>
            </Radio.Group>
            <Button type="submit" loading={busy} disabled={!name.trim()}>{t('portal.addDevice')}</Button>
          </Stack>
        </form>
      )}
    </Modal>
  )
}
