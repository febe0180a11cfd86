import { Menu } from '@mantine/core'
import { KeyRound, LogOut, Pause, Pencil, Play, Trash2 } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Login } from '@/api/types'
import { useConfirm } from '@/ui/feedback/confirm'
import { useAction } from '@/ui/feedback/useAction'
import { RowMenu } from '@/ui/table/RowMenu'
import { deleteLogin, endSessions, resetPassword, resumeLogin, suspendLogin } from './api'

export function LoginMenu({ login: l, onEdit, onPassword }: { login: Login; onEdit: () => void; onPassword: (p: string) => void }) {
  const { t } = useTranslation()
  const confirm = useConfirm()
  const o = { refresh: ['logins'], done: t('common.saved'), quiet: true }
  const suspend = useAction(suspendLogin, o)
  const resume = useAction(resumeLogin, { ...o, quiet: false })
  const remove = useAction(deleteLogin, o)
  const end = useAction(endSessions, o)
  const reset = useAction(resetPassword, { refresh: ['logins'], quiet: true, after: (r) => onPassword(r.password) })
  const name = l.name
  const ask = (what: 'suspend' | 'reset' | 'end' | 'delete', run: () => Promise<unknown>) => confirm({ title: t(`staff.ask.${what}.title`, { name }), body: t(`staff.ask.${what}.body`), action: t(`staff.ask.${what}.action`), danger: true, run })
  return (
    <RowMenu name={name}>
      <Menu.Item leftSection={<Pencil size={15} aria-hidden />} onClick={onEdit}>{t('common.edit')}</Menu.Item>
      <Menu.Item leftSection={<KeyRound size={15} aria-hidden />} onClick={() => ask('reset', () => reset.mutateAsync(l))}>{t('staff.ask.reset.action')}</Menu.Item>
      <Menu.Item leftSection={<LogOut size={15} aria-hidden />} onClick={() => ask('end', () => end.mutateAsync(l))}>{t('staff.ask.end.action')}</Menu.Item>
      <Menu.Divider />
      {l.status === 'suspended'
        ? <Menu.Item leftSection={<Play size={15} aria-hidden />} onClick={() => resume.mutate(l)}>{t('tenants.resume')}</Menu.Item>
        : <Menu.Item leftSection={<Pause size={15} aria-hidden />} onClick={() => ask('suspend', () => suspend.mutateAsync(l))}>{t('staff.ask.suspend.action')}</Menu.Item>}
      <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => ask('delete', () => remove.mutateAsync(l))}>{t('common.delete')}</Menu.Item>
    </RowMenu>
  )
}
