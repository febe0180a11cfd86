import { Button, Group, Menu, Paper, Text } from '@mantine/core'
import { Link2, Pause, Play, QrCode, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useMay } from '@/api/me'
import type { Device } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { OnlineDot, StatusPill } from '@/ui/data/StatusPill'
import { useConfirm } from '@/ui/feedback/confirm'
import { useAction } from '@/ui/feedback/useAction'
import { RowMenu } from '@/ui/table/RowMenu'
import { deviceLink, removeDevice, setDevice } from '../api/detail'
import { LinkOnceDialog } from './DeviceDialogs'

export function DeviceRow({ device: d, onShow }: { device: Device; onShow?: () => void }) {
  const { t, f } = useWords()
  const may = useMay()('subscriber:write')
  const confirm = useConfirm()
  const [link, setLink] = useState('')
  const remove = useAction(() => removeDevice(d), { refresh: ['subscribers'], quiet: true })
  const toggle = useAction(() => setDevice(d, { disabled: !d.disabled }), { refresh: ['subscribers'] })
  const make = useAction(() => deviceLink(d.id), { after: (l) => setLink(l.url) })
  const online = d.state?.online ?? false
  return (
    <Paper withBorder p="sm" radius="md">
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <Group gap="sm" wrap="nowrap" miw={0}>
          <OnlineDot online={online} label={online ? t('common.onlineWord') : t('common.offlineWord')} />
          <div style={{ minWidth: 0 }}>
            <Group gap={8}><Text size="sm" fw={600} truncate>{d.name}</Text>{d.disabled && <StatusPill tone="mute" label={t('devices.disabled')} />}</Group>
            <Text size="xs" c="dimmed">
              {d.state ? <>{t('devices.handshake')} <RelativeTime at={d.state.handshake_at} never={t('common.never')} /> · {f.bytes(d.state.up + d.state.down)}</> : t('devices.never')}
            </Text>
          </div>
        </Group>
        <Group gap={6} wrap="nowrap">
          {onShow && <Button size="xs" variant="default" leftSection={<QrCode size={14} aria-hidden />} onClick={onShow}>{t('devices.show')}</Button>}
          {may && (
            <RowMenu name={d.name}>
              {!d.own_key && <Menu.Item leftSection={<Link2 size={15} aria-hidden />} onClick={() => make.mutate(undefined)}>{t('devices.link')}</Menu.Item>}
              <Menu.Item leftSection={d.disabled ? <Play size={15} aria-hidden /> : <Pause size={15} aria-hidden />} onClick={() => toggle.mutate(undefined)}>{d.disabled ? t('devices.enable') : t('devices.disable')}</Menu.Item>
              <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => confirm({ title: t('devices.deleteTitle', { name: d.name }), body: t('devices.deleteBody'), action: t('common.delete'), danger: true, run: () => remove.mutateAsync(undefined) })}>{t('common.delete')}</Menu.Item>
            </RowMenu>
          )}
        </Group>
      </Group>
      {link && <LinkOnceDialog url={link} onClose={() => setLink('')} />}
    </Paper>
  )
}
