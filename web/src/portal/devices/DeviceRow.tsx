import { ActionIcon, Button, Group, Menu, Text } from '@mantine/core'
import { EllipsisVertical, PencilLine, QrCode, Trash2 } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { StatusPill } from '@/ui/data/StatusPill'
import { useConfirm } from '@/ui/feedback/confirm'
import { useAction } from '@/ui/feedback/useAction'
import { removeDevice, type Device } from '../api'

/** A device that nodes told of lately is online: WireGuard shakes hands every two minutes while something is sent. */
const fresh = 3 * 60_000

export function DeviceRow({ device: d, show, rename }: { device: Device; show: () => void; rename: () => void }) {
  const { t } = useTranslation()
  const ask = useConfirm()
  const remove = useAction(removeDevice, { refresh: ['devices'], done: t('portal.removed'), quiet: true })
  const seen = d.state?.handshake_at
  const online = !!seen && Date.now() - Date.parse(seen) < fresh
  const question = () => ask({
    title: t('portal.removeTitle', { name: d.name }), body: t('portal.removeBody'), action: t('portal.remove'), danger: true, run: () => remove.mutateAsync(d.id),
  })
  return (
    <Group justify="space-between" wrap="nowrap" component="li">
      <div style={{ minWidth: 0 }}>
        <Group gap={8}>
          <Text fw={600} size="sm" truncate>{d.name}</Text>
          {d.disabled ? <StatusPill tone="mute" label={t('portal.disabled')} /> : online && <StatusPill tone="ok" label={t('common.onlineWord')} />}
        </Group>
        <Text size="xs" c="dimmed">{seen ? <>{t('portal.lastSeen')} <RelativeTime at={seen} /></> : t('portal.neverSeen')}{d.own_key && ` · ${t('portal.ownKey')}`}</Text>
      </div>
      <Group gap={4} wrap="nowrap">
        {!d.own_key && <Button variant="default" size="compact-sm" leftSection={<QrCode size={14} aria-hidden />} onClick={show} aria-label={t('portal.showOf', { name: d.name })}>{t('portal.show')}</Button>}
        <Menu>
          <Menu.Target><ActionIcon variant="subtle" color="gray" aria-label={t('portal.menuOf', { name: d.name })}><EllipsisVertical size={16} aria-hidden /></ActionIcon></Menu.Target>
          <Menu.Dropdown>
            <Menu.Item leftSection={<PencilLine size={14} aria-hidden />} onClick={rename}>{t('portal.rename')}</Menu.Item>
            <Menu.Item leftSection={<Trash2 size={14} aria-hidden />} color="red" onClick={question}>{t('portal.remove')}</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </Group>
    </Group>
  )
}
