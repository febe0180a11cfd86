import { SegmentedControl, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Certificate } from '@/api/types'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { useApiForm } from '@/ui/form/useApiForm'
import { createCertificate, replaceCertificate } from './api'

/** CertificateDialog makes a self-signed certificate, imports one, or puts another in the place of one. */
export function CertificateDialog({ replaces, onClose }: { replaces?: Certificate; onClose: () => void }) {
  const { t } = useTranslation()
  const [way, setWay] = useState<'made' | 'import'>(replaces ? 'import' : 'made')
  const initialValues = { name: '', names: [] as string[], chain: '', key: '' }
  const send = useAction((v: typeof initialValues) => {
    if (replaces) return replaceCertificate(replaces, { chain: v.chain, key: v.key })
    return createCertificate(way === 'made' ? { name: v.name, names: v.names } : { name: v.name, chain: v.chain, key: v.key })
  }, { refresh: ['certificates'], done: t('common.saved'), quiet: true, after: onClose })
  const f = useApiForm({ initialValues }, (v) => send.mutateAsync(v))
  return (
    <FormDialog opened title={replaces ? t('certificates.replaceTitle', { name: replaces.name }) : t('certificates.add')} onClose={onClose} of={f} action={replaces ? t('certificates.replace') : t('certificates.add')}>
      {!replaces && (
        <>
          <SegmentedControl aria-label={t('certificates.source')} value={way} onChange={(v) => setWay(v as 'made')} data={[{ value: 'made', label: t('certificates.sources.self_signed') }, { value: 'import', label: t('certificates.sources.import') }]} />
          <TextInput label={t('common.name')} withAsterisk {...f.bind('name')} />
        </>
      )}
      {way === 'made'
        ? <TagsInput label={t('certificates.names')} description={t('certificates.namesHint')} placeholder="vpn.example.com" {...f.bind('names')} />
        : (
          <>
            <Textarea label={t('certificates.chain')} description={t('certificates.chainHint')} rows={6} styles={{ input: { fontFamily: 'monospace', fontSize: 12 } }} {...f.bind('chain')} />
            <Textarea label={t('certificates.key')} rows={4} styles={{ input: { fontFamily: 'monospace', fontSize: 12 } }} {...f.bind('key')} />
          </>
        )}
    </FormDialog>
  )
}
