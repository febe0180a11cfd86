import { Button, Menu } from '@mantine/core'
import { ArrowLeftRight, ChevronDown, KeyRound, Pause, Pencil, Play, PlusCircle, RefreshCw, RotateCcw, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Subscriber } from '@/api/types'
import { useConfirm } from '@/ui/feedback/confirm'
import { useAction } from '@/ui/feedback/useAction'
import * as actions from '../api/actions'
import { GrantDialog, PasswordDialog, PlanChangeDialog, SuspendDialog } from '../forms/ActionDialogs'
import { EditDialog } from '../forms/EditDialog'

const dialogs = { edit: EditDialog, suspend: SuspendDialog, grant: GrantDialog, plan: PlanChangeDialog, password: PasswordDialog }

/** ActionMenu is everything that can be done to one subscriber. What cannot be undone asks first. */
export function ActionMenu({ subscriber: s, onGone }: { subscriber: Subscriber; onGone: () => void }) {
  const { t } = useTranslation()
  const [open, setOpen] = useState<keyof typeof dialogs>()
  const confirm = useConfirm()
  const refresh = ['subscribers']
  const resume = useAction(() => actions.unsuspend(s), { refresh, done: t('subscribers.resumed', { name: s.name }) })
  const reset = useAction(() => actions.resetUsage(s), { refresh, done: t('common.saved'), quiet: true })
  const rotate = useAction(() => actions.rotateSecrets(s), { refresh, done: t('common.saved'), quiet: true })
  const remove = useAction(() => actions.deleteSubscriber(s), { refresh, quiet: true, after: onGone })
  const Dialog = open && dialogs[open]
  const name = s.name
  return (
    <>
      <Button variant="default" size="xs" leftSection={<Pencil size={14} aria-hidden />} onClick={() => setOpen('edit')}>{t('common.edit')}</Button>
      {s.status === 'suspended'
        ? <Button variant="default" size="xs" leftSection={<Play size={14} aria-hidden />} loading={resume.isPending} onClick={() => resume.mutate(undefined)}>{t('subscribers.resume')}</Button>
        : <Button variant="default" size="xs" leftSection={<Pause size={14} aria-hidden />} onClick={() => setOpen('suspend')}>{t('subscribers.suspend')}</Button>}
      <Menu>
        <Menu.Target><Button variant="default" size="xs" rightSection={<ChevronDown size={14} aria-hidden />}>{t('common.more')}</Button></Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<PlusCircle size={15} aria-hidden />} onClick={() => setOpen('grant')}>{t('subscribers.grant')}</Menu.Item>
          <Menu.Item leftSection={<ArrowLeftRight size={15} aria-hidden />} onClick={() => setOpen('plan')}>{t('subscribers.planAction')}</Menu.Item>
          <Menu.Item leftSection={<RotateCcw size={15} aria-hidden />} onClick={() => confirm({ title: t('subscribers.resetTitle', { name }), body: t('subscribers.resetBody'), action: t('subscribers.reset'), run: () => reset.mutateAsync(undefined) })}>{t('subscribers.reset')}</Menu.Item>
          <Menu.Divider />
          <Menu.Item leftSection={<KeyRound size={15} aria-hidden />} onClick={() => setOpen('password')}>{t('subscribers.passwordAction')}</Menu.Item>
          <Menu.Item leftSection={<RefreshCw size={15} aria-hidden />} onClick={() => confirm({ title: t('subscribers.rotateTitle', { name }), body: t('subscribers.rotateBody'), action: t('subscribers.rotate'), danger: true, run: () => rotate.mutateAsync(undefined) })}>{t('subscribers.rotate')}</Menu.Item>
          <Menu.Divider />
          <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => confirm({ title: t('subscribers.deleteTitle', { name }), body: t('subscribers.deleteBody'), action: t('common.delete'), danger: true, run: () => remove.mutateAsync(undefined) })}>{t('common.delete')}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {Dialog && <Dialog subscriber={s} onClose={() => setOpen(undefined)} />}
    </>
  )
}
