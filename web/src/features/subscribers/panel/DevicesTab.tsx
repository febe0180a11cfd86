import { Button, Group, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Plus, Smartphone } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@/api/me'
import type { Device, Subscriber } from '@/api/types'
import { Empty, Loaded } from '@/ui/feedback/states'
import { devicesQuery } from '../api/detail'
import { AddDeviceDialog, DeviceConfigDialog } from './DeviceDialogs'
import { DeviceRow } from './DeviceRow'

export function DevicesTab({ subscriber: s }: { subscriber: Subscriber }) {
  const { t } = useTranslation()
  const query = useQuery(devicesQuery(s.id))
  const [adding, setAdding] = useState(false)
  const [shown, setShown] = useState<Device>()
  const may = useMay()
  const add = may('subscriber:write') && <Button size="xs" leftSection={<Plus size={14} aria-hidden />} onClick={() => setAdding(true)}>{t('devices.add')}</Button>
  return (
    <>
      <Loaded query={query}>
        {(devices: Device[]) => devices.length === 0
          ? <Empty icon={Smartphone} title={t('devices.empty')} action={add}>{t('devices.emptyHint')}</Empty>
          : (
            <Stack gap="sm">
              <Group justify="flex-end">{add}</Group>
              {devices.map((d) => <DeviceRow key={d.id} device={d} onShow={may('secret:read') && !d.own_key ? () => setShown(d) : undefined} />)}
            </Stack>
          )}
      </Loaded>
      {adding && <AddDeviceDialog subscriber={s.id} onClose={() => setAdding(false)} onMade={(d) => { setAdding(false); if (!d.own_key) setShown(d) }} />}
      {shown && <DeviceConfigDialog device={shown} onClose={() => setShown(undefined)} />}
    </>
  )
}
