import { Fieldset, NumberInput, Select, SimpleGrid, Stack, Switch, TagsInput, Textarea, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { fieldsOf, type Schema } from './schema'

interface Props {
  name: string
  /** Place in the document, as the panel's faults name it. */
  path: string
  schema: Schema
  value: unknown
  onChange: (v: unknown) => void
  errors: Record<string, string>
}

const typeOf = (s: Schema) => (Array.isArray(s.type) ? s.type.find((x) => x !== 'null') : s.type)

/** OptionField draws one option from its schema. */
export function OptionField({ name, path, schema, value, onChange, errors }: Props) {
  const { t } = useTranslation()
  const label = t(`options.${name as 'mtu'}`)
  const error = errors[path]
  const shown = schema.default === undefined || schema.default === '' ? undefined : String(schema.default)
  switch (typeOf(schema)) {
    case 'boolean':
      return <Switch label={label} error={error} checked={(value ?? schema.default ?? false) === true} onChange={(e) => onChange(e.currentTarget.checked)} />
    case 'integer':
    case 'number':
      return <NumberInput label={label} error={error} placeholder={shown} value={(value as number | undefined) ?? ''} onChange={(v) => onChange(v === '' ? undefined : Number(v))} />
    case 'array':
      return <TagsInput label={label} error={error} placeholder={((value as string[] | undefined) ?? []).length > 0 ? undefined : t('options.byDefault')} value={(value as string[] | undefined) ?? []} onChange={(v) => onChange(v.length > 0 ? v : undefined)} />
    case 'object':
      if (!schema.properties) return <PairsField label={label} error={error} value={value} onChange={onChange} />
      return <GroupField name={name} path={path} schema={schema} value={value} onChange={onChange} errors={errors} />
    default:
      if (schema.enum) return <Select label={label} error={error} data={schema.enum} clearable allowDeselect placeholder={shown ?? t('options.off')} value={(value as string | undefined) ?? null} onChange={(v) => onChange(v ?? undefined)} />
      return <TextInput label={label} error={error} placeholder={shown} value={(value as string | undefined) ?? ''} onChange={(e) => onChange(e.currentTarget.value || undefined)} />
  }
}

/** GroupField is options that belong together. Where a type chooses what they are, the others come once it is chosen. */
function GroupField({ name, path, schema, value, onChange, errors }: Props) {
  const { t } = useTranslation()
  const inner = (value as Record<string, unknown> | undefined) ?? {}
  const { type, ...others } = schema.properties ?? {}
  const chosen = (inner.type as string | undefined) ?? (type?.default as string | undefined)
  const draw = (k: string, s: Schema) => (
    <OptionField key={k} name={k} path={`${path}.${k}`} schema={s} value={inner[k]} errors={errors} onChange={(v) => onChange(k === 'type' ? { type: v } : { ...inner, [k]: v })} />
  )
  return (
    <Fieldset legend={t(`options.${name as 'mtu'}`)}>
      <Stack gap="sm">
        {errors[path] && <span role="alert" style={{ color: 'var(--mantine-color-error)', fontSize: 13 }}>{errors[path]}</span>}
        <SimpleGrid cols={{ base: 1, sm: 2 }}>{type && draw('type', type)}{(!type || fieldsOf(name, chosen)) && Object.entries(others).filter(([k]) => !type || fieldsOf(name, chosen)?.includes(k)).map(([k, s]) => draw(k, s))}</SimpleGrid>
      </Stack>
    </Fieldset>
  )
}

/** PairsField is a map of texts, a line each: "Name: value". */
function PairsField({ label, error, value, onChange }: { label: string; error?: string; value: unknown; onChange: (v: unknown) => void }) {
  const lines = Object.entries((value as Record<string, string> | undefined) ?? {}).map(([k, v]) => `${k}: ${v}`).join('\n')
  const read = (text: string) => {
    const pairs = text.split('\n').filter((l) => l.includes(':')).map((l) => [l.slice(0, l.indexOf(':')).trim(), l.slice(l.indexOf(':') + 1).trim()])
    onChange(pairs.length > 0 ? Object.fromEntries(pairs) : undefined)
  }
  return <Textarea label={label} error={error} autosize minRows={2} placeholder="Server: nginx" defaultValue={lines} onBlur={(e) => read(e.currentTarget.value)} />
}
