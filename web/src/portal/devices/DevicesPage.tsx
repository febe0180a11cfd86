import { Button, Group, Modal, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Plus, Smartphone } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Empty, Loaded } from '@/ui/feedback/states'
import { Section } from '@/ui/layout/Section'
import classes from '../ui/list.module.css'
import { deviceFile, devicesQuery, type Device } from '../api'
import { Extras } from '../app/Extras'
import { AddDevice } from './AddDevice'
import { DeviceRow } from './DeviceRow'
import { FileView } from './FileView'
import { RenameDevice } from './RenameDevice'

function Shown({ device }: { device: Device }) {
  const query = useQuery({ queryKey: ['device-file', device.id], queryFn: () => deviceFile(device.id), gcTime: 0, staleTime: Infinity })
  return <Loaded query={query}>{(file) => <FileView name={device.name} file={file} />}</Loaded>
}

export function DevicesPage() {
  const { t } = useTranslation()
  const query = useQuery(devicesQuery)
  const [adding, setAdding] = useState(false)
  const [shown, setShown] = useState<Device>()
  const [renamed, setRenamed] = useState<Device>()
  const add = <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setAdding(true)}>{t('portal.addDevice')}</Button>
  return (
    <Extras><Stack gap="md">
      <Group justify="space-between">
        <div>
          <Title order={1} size="h3">{t('portal.page.devices')}</Title>
          <Text size="sm" c="dimmed">{t('portal.devicesHint')}</Text>
        </div>
        {!!query.data?.length && add}
      </Group>
      <Section>
        <Loaded query={query} rows={3}>
          {(all) => all.length === 0
            ? <Empty icon={Smartphone} title={t('portal.noDevices')} action={add}>{t('portal.noDevicesHint')}</Empty>
            : <ul className={classes.list}>{all.map((d) => <DeviceRow key={d.id} device={d} show={() => setShown(d)} rename={() => setRenamed(d)} />)}</ul>}
        </Loaded>
      </Section>
      <AddDevice opened={adding} onClose={() => setAdding(false)} />
      <RenameDevice device={renamed} onClose={() => setRenamed(undefined)} />
      <Modal opened={!!shown} onClose={() => setShown(undefined)} title={<Text fw={650}>{shown?.name}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
        {shown && <Shown device={shown} />}
      </Modal>
    </Stack></Extras>
  )
}
