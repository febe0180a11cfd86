import { Alert, Button, Group, Modal, NumberInput, Select, Stack, Text } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { plansQuery } from '@/api/lookups'
import { asApiError } from '@/lib/problem'
import { GiB } from '@/lib/units'
import { SizeInput } from '@/ui/form/SizeInput'
import { preview, start, type Action, type BulkRequest } from './api'
import { BulkPreview } from './BulkPreview'
import { BulkProgress } from './BulkProgress'

interface Props { action: Action; target: Pick<BulkRequest, 'ids' | 'filter'>; onClose: (done: boolean) => void }

/** BulkDialog asks what exactly, shows what would change, and only then does it, in sight. */
export function BulkDialog({ action, target, onClose }: Props) {
  const { t } = useTranslation()
  const plans = useQuery(plansQuery).data ?? []
  const [days, setDays] = useState(30)
  const [bytes, setBytes] = useState(10 * GiB)
  const [plan, setPlan] = useState<string | null>(null)
  const request: BulkRequest = {
    action, ...target, ...(action === 'extend' && { days }), ...(action === 'grant' && { bytes }), ...(action === 'change_plan' && { plan: plan ?? '' }), ...(action === 'suspend' && { reason: 'manual' }),
  }
  const look = useMutation({ mutationFn: () => preview(request) })
  const go = useMutation({ mutationFn: () => start(request) })
  const changed = () => look.reset()
  const fault = go.error ?? look.error
  const danger = action === 'delete' || action === 'suspend'
  return (
    <Modal opened onClose={() => onClose(Boolean(go.data))} size="lg" title={<Text fw={650}>{t(`bulk.title.${action}`)}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        {fault && <Alert color="red" variant="light" role="alert">{[asApiError(fault).message, ...asApiError(fault).fields.map((x) => `${x.field}: ${x.rule}`)].join('; ')}</Alert>}
        {go.data ? <BulkProgress id={go.data.id} onClose={() => onClose(true)} /> : (
          <>
            <Text size="sm">{t(`bulk.body.${action}`)}</Text>
            {action === 'extend' && <NumberInput label={t('bulk.days')} min={1} max={3650} value={days} onChange={(v) => { setDays(Number(v) || 0); changed() }} />}
            {action === 'grant' && <SizeInput label={t('form.traffic')} value={bytes} onChange={(v) => { setBytes(v); changed() }} />}
            {action === 'change_plan' && <Select label={t('subscribers.plan')} searchable data={plans.map((p) => ({ value: p.id, label: p.name }))} value={plan} onChange={(v) => { setPlan(v); changed() }} />}
            {look.data && <BulkPreview of={look.data} />}
            <Group justify="flex-end">
              <Button variant="default" onClick={() => onClose(false)}>{t('common.cancel')}</Button>
              {look.data
                ? <Button color={danger ? 'red' : undefined} loading={go.isPending} disabled={look.data.count === 0} onClick={() => go.mutate()}>{t('bulk.do', { count: look.data.count })}</Button>
                : <Button loading={look.isPending} disabled={action === 'change_plan' && !plan} onClick={() => look.mutate()}>{t('bulk.preview')}</Button>}
            </Group>
          </>
        )}
      </Stack>
    </Modal>
  )
}
