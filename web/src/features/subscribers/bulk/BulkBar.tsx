import { Button, Group, Menu, Paper, Text } from '@mantine/core'
import { ArrowLeftRight, CalendarPlus, ChevronDown, Pause, Play, PlusCircle, Trash2, X } from 'lucide-react'
import { Suspense, lazy, useState } from 'react'
import { useWords } from '@/i18n/useWords'
import { filterOf } from '../api/list'
import type { SubscribersSearch } from '../search'
import type { Action } from './api'
import classes from './bulk.module.css'

const BulkDialog = lazy(() => import('./BulkDialog').then((m) => ({ default: m.BulkDialog })))

interface Props { ids: ReadonlySet<string>; search: SubscribersSearch; clear: () => void }

/** BulkBar appears with the first tick: what can be done to all of them at once, or to all that match. */
export function BulkBar({ ids, search, clear }: Props) {
  const { t, f } = useWords()
  const [action, setAction] = useState<Action>()
  const [everyone, setEveryone] = useState(false)
  if (ids.size === 0) return null
  const target = everyone ? { filter: filterOf(search) } : { ids: [...ids] }
  return (
    <div className={classes.dock}>
      <Paper withBorder shadow="md" radius="lg" className={classes.bar} role="toolbar" aria-label={t('bulk.bar')}>
        <Text size="sm" fw={600} className="tnum">{everyone ? t('bulk.everyone') : t('bulk.selected', { count: ids.size, number: f.number(ids.size) })}</Text>
        <Button size="compact-sm" variant="subtle" onClick={() => setEveryone(!everyone)}>{everyone ? t('bulk.onlySelected') : t('bulk.allMatching')}</Button>
        <Group gap={6} ml="auto">
          <Button size="xs" variant="default" leftSection={<CalendarPlus size={14} aria-hidden />} onClick={() => setAction('extend')}>{t('bulk.action.extend')}</Button>
          <Button size="xs" variant="default" leftSection={<Pause size={14} aria-hidden />} onClick={() => setAction('suspend')}>{t('bulk.action.suspend')}</Button>
          <Menu position="top-end">
            <Menu.Target><Button size="xs" variant="default" rightSection={<ChevronDown size={14} aria-hidden />}>{t('common.more')}</Button></Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<Play size={15} aria-hidden />} onClick={() => setAction('unsuspend')}>{t('bulk.action.unsuspend')}</Menu.Item>
              <Menu.Item leftSection={<PlusCircle size={15} aria-hidden />} onClick={() => setAction('grant')}>{t('bulk.action.grant')}</Menu.Item>
              <Menu.Item leftSection={<ArrowLeftRight size={15} aria-hidden />} onClick={() => setAction('change_plan')}>{t('bulk.action.change_plan')}</Menu.Item>
              <Menu.Divider />
              <Menu.Item color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => setAction('delete')}>{t('bulk.action.delete')}</Menu.Item>
            </Menu.Dropdown>
          </Menu>
          <Button size="xs" variant="subtle" color="gray" px={8} aria-label={t('bulk.clear')} onClick={clear}><X size={16} aria-hidden /></Button>
        </Group>
      </Paper>
      <Suspense fallback={null}>{action && <BulkDialog action={action} target={target} onClose={(done) => { setAction(undefined); if (done) { setEveryone(false); clear() } }} />}</Suspense>
    </div>
  )
}
