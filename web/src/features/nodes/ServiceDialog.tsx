import { Select, SimpleGrid, Switch, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { protocolChoices } from '@/api/lookups'
import type { Ingress, Kind, Node } from '@/api/types'
import { useAction } from '@/ui/feedback/useAction'
import { FormDialog } from '@/ui/form/FormDialog'
import { useApiForm } from '@/ui/form/useApiForm'
import { createIngress, updateIngress } from './api'
import { CertificateSelect } from './CertificateSelect'
import { compactOptions, usualPort, wantsCertificate } from './options/schema'
import { OptionsForm } from './options/OptionsForm'

interface Values extends Record<string, unknown> {
  kind: Kind
  name: string
  listen: string
  certificate_id: string | null
  enabled: boolean
  options: Record<string, unknown>
}

const freshName = (kind: Kind) => ({ hysteria2: 'hysteria', http: 'http', wireguard: 'wireguard', shadowsocks: 'shadowsocks', socks5: 'socks' })[kind]

/** ServiceDialog adds a service to a node or changes one. */
export function ServiceDialog({ node, ingress, onClose }: { node: Node; ingress?: Ingress; onClose: () => void }) {
  const { t } = useTranslation()
  const initialValues: Values = ingress
    ? { kind: ingress.kind, name: ingress.name, listen: ingress.listen, certificate_id: ingress.certificate_id, enabled: ingress.enabled, options: { ...ingress.options } as Record<string, unknown> }
    : { kind: 'wireguard', name: freshName('wireguard'), listen: `:${usualPort.wireguard}`, certificate_id: null, enabled: true, options: {} }
  const send = useAction(async ({ kind, options, ...v }: Values) => {
    const body = { ...v, options: compactOptions(options) } as never
    return ingress ? updateIngress(ingress, body) : createIngress({ ...(body as object), kind, node_id: node.id } as never)
  }, { refresh: ['ingresses', 'nodes', 'overview'], done: t('common.saved'), quiet: true, after: onClose })
  const f = useApiForm<Values>({ initialValues, validate: { name: (v) => (v.trim() ? null : t('form.required')), listen: (v) => (v.trim() ? null : t('form.required')) } }, (v) => send.mutateAsync(v))
  const v = f.form.values
  const choose = (kind: Kind) => {
    const untouched = v.name === freshName(v.kind)
    f.form.setValues({ kind, options: {}, listen: `:${usualPort[kind]}`, ...(untouched ? { name: freshName(kind) } : {}) })
    f.form.clearErrors()
  }
  const within = typeof f.form.errors.options === 'string' ? { [f.form.errors.options.split(': ')[0] ?? '']: f.form.errors.options.split(': ').slice(1).join(': ') } : {}
  return (
    <FormDialog opened title={ingress ? t('services.edit', { name: ingress.name }) : t('services.add')} onClose={onClose} of={f} action={ingress ? t('common.save') : t('services.add')}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <Select label={t('subscribers.protocol')} data={protocolChoices} value={v.kind} disabled={Boolean(ingress)} onChange={(k) => k && choose(k as Kind)} />
        <TextInput label={t('common.name')} withAsterisk {...f.bind('name')} />
        <TextInput label={t('services.listen')} description={t('services.listenHint')} inputWrapperOrder={['label', 'input', 'description', 'error']} withAsterisk {...f.bind('listen')} />
        {wantsCertificate(v.kind, v.options) && <CertificateSelect host={node.host} {...f.bind('certificate_id')} />}
      </SimpleGrid>
      <OptionsForm key={v.kind} kind={v.kind} value={v.options} errors={within} onChange={(o) => f.form.setFieldValue('options', o)} />
      {ingress && <Switch label={t('services.enabled')} checked={v.enabled} onChange={(e) => f.form.setFieldValue('enabled', e.currentTarget.checked)} />}
    </FormDialog>
  )
}
