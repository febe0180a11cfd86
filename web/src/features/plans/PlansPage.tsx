import { Button, Menu, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Boxes, Pencil, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { plansQuery } from '@/api/lookups'
import { useMay } from '@/api/me'
import type { Plan } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { useConfirm } from '@/ui/feedback/confirm'
import { Empty } from '@/ui/feedback/states'
import { useAction } from '@/ui/feedback/useAction'
import { Page } from '@/ui/layout/Page'
import { CardTable } from '@/ui/table/CardTable'
import { RowMenu } from '@/ui/table/RowMenu'
import { deletePlan } from './api'
import { usePlanColumns } from './columns'
import { PlanDialog } from './PlanDialog'

export function PlansPage() {
  const { t } = useWords()
  const plans = useQuery(plansQuery)
  const may = useMay()('plan:write')
  const [dialog, setDialog] = useState<Plan | 'new'>()
  const confirm = useConfirm()
  const remove = useAction((p: Plan) => deletePlan(p, true), { refresh: ['plans', 'subscribers'], quiet: true })
  const columns = usePlanColumns()
  const add = may && <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setDialog('new')}>{t('plans.add')}</Button>
  const menu = (p: Plan) => (
    <RowMenu name={p.name}>
      <Menu.Item leftSection={<Pencil size={15} aria-hidden />} onClick={() => setDialog(p)}>{t('common.edit')}</Menu.Item>
      <Menu.Item
        color="red" leftSection={<Trash2 size={15} aria-hidden />}
        onClick={() => confirm({ title: t('plans.deleteTitle', { name: p.name }), body: t('plans.deleteBody'), action: t('common.delete'), danger: true, run: () => remove.mutateAsync(p) })}
      >
        {t('common.delete')}
      </Menu.Item>
    </RowMenu>
  )
  return (
    <Page title={t('app.page.plans')} hint={t('plans.hint')} actions={add}>
      <CardTable
        label={t('app.page.plans')} query={plans} id={(p) => p.id} onOpen={may ? setDialog : undefined}
        columns={may ? [...columns, { key: 'menu', title: '', width: '40px', align: 'right', cell: menu }] : columns}
        empty={<Empty icon={Boxes} title={t('plans.empty')} action={add}><Text span inherit>{t('plans.emptyHint')}</Text></Empty>}
      />
      {dialog && <PlanDialog key={dialog === 'new' ? 'new' : dialog.id} plan={dialog === 'new' ? undefined : dialog} onClose={() => setDialog(undefined)} />}
    </Page>
  )
}
