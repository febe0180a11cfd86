import { Chip, Group, Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { plansQuery, tenantsQuery } from '@/api/lookups'
import { useMay } from '@/api/me'
import { SearchInput } from '@/ui/form/SearchInput'
import { statuses, type SubscribersSearch } from '../search'

interface Props {
  search: SubscribersSearch
  set: (change: Partial<SubscribersSearch>) => void
}

/** Filters are part of the address: a link shows somebody else the same list. */
export function Filters({ search, set }: Props) {
  const { t } = useTranslation()
  const may = useMay()
  const plans = useQuery({ ...plansQuery, enabled: may('plan:read') }).data ?? []
  const tenants = useQuery({ ...tenantsQuery, enabled: may('tenant:read') }).data ?? []
  return (
    <Group gap="sm" mb="md">
      <SearchInput label={t('subscribers.search')} value={search.q ?? ''} onChange={(q) => set({ q: q || undefined })} />
      <Select
        aria-label={t('subscribers.status')} placeholder={t('subscribers.anyStatus')} clearable allowDeselect w={{ base: 'calc(50% - 6px)', xs: 160 }}
        data={statuses.map((value) => ({ value, label: t(`status.${value}`) }))} value={search.status ?? null} onChange={(v) => set({ status: (v as SubscribersSearch['status']) ?? undefined })}
      />
      <Select
        aria-label={t('subscribers.plan')} placeholder={t('subscribers.anyPlan')} clearable allowDeselect searchable w={{ base: 'calc(50% - 6px)', xs: 160 }}
        data={plans.map((p) => ({ value: p.id, label: p.name }))} value={search.plan ?? null} onChange={(v) => set({ plan: v ?? undefined })}
      />
      {tenants.length > 0 && (
        <Select
          aria-label={t('subscribers.tenant')} clearable allowDeselect searchable placeholder={t('subscribers.mine')} w={{ base: '100%', xs: 180 }}
          data={[{ value: 'all', label: t('subscribers.everyTenant') }, ...tenants.map((x) => ({ value: x.id, label: x.name }))]}
          value={search.tenant ?? (search.tree ? 'all' : null)}
          onChange={(v) => set(v === 'all' ? { tree: true, tenant: undefined } : { tree: undefined, tenant: v ?? undefined })}
        />
      )}
      <Chip size="sm" variant="light" checked={search.online === true} onChange={(on) => set({ online: on || undefined })}>{t('common.onlineWord')}</Chip>
      <Chip size="sm" variant="light" checked={search.expiring === true} onChange={(on) => set({ expiring: on || undefined })}>{t('subscribers.expiring')}</Chip>
    </Group>
  )
}
