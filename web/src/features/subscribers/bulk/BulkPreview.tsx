import { Alert, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Preview } from './api'

/** BulkPreview is what would change, by the panel's own word, and whom it would refuse. */
export function BulkPreview({ of: p }: { of: Preview }) {
  const { t } = useTranslation()
  return (
    <Stack gap="sm" role="status">
      <Text size="sm" fw={600}>{t('bulk.willChange', { count: p.count })}</Text>
      {p.sample.length > 0 && (
        <ul style={{ margin: 0, paddingLeft: 20, fontSize: 14, lineHeight: 1.7 }}>
          {p.sample.map((s) => <li key={s.id}>{s.name}{changeOf(s)}</li>)}
          {p.count > p.sample.length && <li>{t('bulk.andMore', { count: p.count - p.sample.length })}</li>}
        </ul>
      )}
      {p.refused.length > 0 && (
        <Alert color="yellow" variant="light" title={t('bulk.refused', { count: p.refused_count })}>
          {p.refused.slice(0, 10).map((r) => <div key={r.id}>{r.name}: {r.why}</div>)}
        </Alert>
      )}
    </Stack>
  )
}

const word = (v: unknown) => (v === null || v === undefined || v === '' ? '–' : typeof v === 'object' ? JSON.stringify(v) : String(v))

const changeOf = (s: Preview['sample'][number]) =>
  Object.entries(s.change ?? {}).map(([k, v]) => (Array.isArray(v) && v.length === 2 ? `; ${k}: ${word(v[0])} → ${word(v[1])}` : `; ${k}: ${word(v)}`)).join('')
