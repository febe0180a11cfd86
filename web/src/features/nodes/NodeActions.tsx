import { Button, Menu } from '@mantine/core'
import { useNavigate } from '@tanstack/react-router'
import { ChevronDown, Pause, Pencil, Play, RefreshCw, ShieldOff, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@/api/me'
import type { EnrolToken, Node } from '@/api/types'
import { useConfirm } from '@/ui/feedback/confirm'
import { useAction } from '@/ui/feedback/useAction'
import { deleteNode, enrolToken, resumeNode, revokeNode, suspendNode } from './api'
import { EditNodeDialog } from './EditNodeDialog'
import { EnrolDialog } from './EnrolDialog'

export function NodeActions({ node }: { node: Node }) {
  const { t } = useTranslation()
  const may = useMay()('node:write')
  const navigate = useNavigate()
  const confirm = useConfirm()
  const [editing, setEditing] = useState(false)
  const [token, setToken] = useState<EnrolToken>()
  const quiet = { refresh: ['nodes'], quiet: true }
  const suspend = useAction(() => suspendNode(node), quiet)
  const resume = useAction(() => resumeNode(node), { refresh: ['nodes'] })
  const revoke = useAction(() => revokeNode(node), quiet)
  const enrol = useAction(() => enrolToken(node.id), { refresh: ['nodes'], after: setToken })
  const remove = useAction(() => deleteNode(node), { ...quiet, after: () => void navigate({ to: '/nodes' }) })
  if (!may) return null
  const name = node.name
  const ask = (what: 'suspend' | 'revoke' | 'delete', run: () => Promise<unknown>) =>
    confirm({ title: t(`nodes.ask.${what}.title`, { name }), body: t(`nodes.ask.${what}.body`), action: t(`nodes.ask.${what}.action`), danger: true, run })
  return (
    <>
      <Button variant="default" leftSection={<Pencil size={15} aria-hidden />} onClick={() => setEditing(true)}>{t('common.edit')}</Button>
      <Menu>
        <Menu.Target><Button variant="default" rightSection={<ChevronDown size={15} aria-hidden />}>{t('common.more')}</Button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<RefreshCw size={15} aria-hidden />} onClick={() => enrol.mutate(undefined)}>{node.status === 'waiting' ? t('nodes.showCommand') : t('nodes.enrolAgain')}</Menu.Item>
          {node.status === 'suspended'
            ? <Menu.Item leftSection={<Play size={15} aria-hidden />} onClick={() => resume.mutate(undefined)}>{t('nodes.resume')}</Menu.Item>
            : <Menu.Item leftSection={<Pause size={15} aria-hidden />} onClick={() => ask('suspend', () => suspend.mutateAsync(undefined))}>{t('nodes.ask.suspend.action')}</Menu.Item>}
          <Menu.Divider />
          <Menu.Item color="red" leftSection={<ShieldOff size={15} aria-hidden />} onClick={() => ask('revoke', () => revoke.mutateAsync(undefined))}>{t('nodes.ask.revoke.action')}</Menu.Item>
          <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => ask('delete', () => remove.mutateAsync(undefined))}>{t('common.delete')}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {editing && <EditNodeDialog node={node} onClose={() => setEditing(false)} />}
      {token && <EnrolDialog node={node} token={token} onClose={() => setToken(undefined)} />}
    </>
  )
}
