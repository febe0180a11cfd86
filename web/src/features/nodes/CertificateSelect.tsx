import { Anchor, Select, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { certificatesQuery } from '@/api/lookups'
import { useAction } from '@/ui/feedback/useAction'
import { createCertificate } from './api'

/** CertificateSelect chooses a certificate, or makes a self-signed one in passing. */
export function CertificateSelect({ host, value, onChange, error }: { host: string; value: string | null; onChange: (v: string | null) => void; error?: React.ReactNode }) {
  const { t } = useTranslation()
  const list = useQuery(certificatesQuery).data ?? []
  const make = useAction(() => createCertificate({ name: `${host || 'node'}-${Date.now().toString(36)}`, names: [host || '127.0.0.1'] }), { refresh: ['certificates'], after: (c) => onChange(c.id) })
  return (
    <Stack gap={4}>
      <Select label={t('services.certificate')} searchable withAsterisk data={list.map((c) => ({ value: c.id, label: c.name }))} value={value} onChange={onChange} error={error} />
      <Anchor component="button" type="button" size="xs" ta="left" disabled={make.isPending} onClick={() => make.mutate(undefined)}>{t('services.selfSigned', { host: host || '127.0.0.1' })}</Anchor>
    </Stack>
  )
}
