import { Group, Text } from '@mantine/core'
import type { Plan } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { StatusPill } from '@/ui/data/StatusPill'
import type { Column } from '@/ui/table/column'

export function usePlanColumns(): Column<Plan>[] {
  const { t, f } = useWords()
  const speed = (n: number) => (n === 0 ? t('form.unlimited') : f.rate(n))
  return [
    {
      key: 'name', title: t('common.name'), width: 'minmax(140px,1.6fr)',
      cell: (p) => <Group gap={8} wrap="nowrap" component="span"><Text span inherit truncate>{p.name}</Text>{p.hidden && <StatusPill tone="mute" label={t('plans.hiddenPill')} />}</Group>,
    },
    { key: 'traffic', title: t('form.traffic'), align: 'right', width: '120px', cell: (p) => (p.traffic_limit < 0 ? t('form.unlimited') : f.bytes(p.traffic_limit)) },
    { key: 'reset', title: t('form.reset'), width: 'minmax(110px,1fr)', hide: 'lg', cell: (p) => t(`reset.${p.reset as 'never'}`) },
    { key: 'speed', title: t('form.speedDown'), align: 'right', width: '130px', hide: 'lg', cell: (p) => speed(p.speed_down) },
    { key: 'devices', title: t('form.devices'), align: 'right', width: '100px', cell: (p) => (p.devices === 0 ? t('form.unlimited') : f.number(p.devices)) },
    { key: 'term', title: t('plans.term'), align: 'right', width: '120px', cell: (p) => (p.term_days === 0 ? t('common.none') : t('plans.days', { count: p.term_days })) },
    { key: 'price', title: t('plans.price'), align: 'right', width: '110px', cell: (p) => (p.price === 0 ? '–' : f.money(p.price, p.currency)) },
  ]
}
