import { Button, Collapse, SimpleGrid, Stack } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { ChevronDown, ChevronRight } from 'lucide-react'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import type { Kind } from '@/api/types'
import { OptionField } from './OptionField'
import { schemas, split } from './schema'

interface Props {
  kind: Kind
  value: Record<string, unknown>
  onChange: (v: Record<string, unknown>) => void
  errors: Record<string, string>
}

/** OptionsForm is made from the same schema that the panel documents and checks. */
export function OptionsForm({ kind, value, onChange, errors }: Props) {
  const { t } = useTranslation()
  const [open, { toggle, open: show }] = useDisclosure()
  const { usual, rest } = split(kind)
  const broken = rest.some((n) => Object.keys(errors).some((k) => k === n || k.startsWith(`${n}.`)))
  useEffect(() => {
    if (broken) show()
  }, [broken, show])
  const draw = (names: string[]) => {
    const field = (n: string) => {
      const schema = schemas[kind].properties?.[n]
      return schema && <OptionField key={n} name={n} path={n} schema={schema} value={value[n]} errors={errors} onChange={(v) => onChange({ ...value, [n]: v })} />
    }
    const is = (n: string, type: string) => schemas[kind].properties?.[n]?.type === type
    const groups = names.filter((n) => is(n, 'object'))
    const switches = names.filter((n) => is(n, 'boolean'))
    const others = names.filter((n) => !groups.includes(n) && !switches.includes(n))
    return (
      <Stack gap="md">
        {others.length > 0 && <SimpleGrid cols={{ base: 1, sm: 2 }}>{others.map(field)}</SimpleGrid>}
        {switches.length > 0 && <Stack gap="sm">{switches.map(field)}</Stack>}
        {groups.map(field)}
      </Stack>
    )
  }
  return (
    <Stack gap="md">
      {draw(usual)}
      {rest.length > 0 && (
        <>
          <Button variant="subtle" size="compact-sm" style={{ alignSelf: 'flex-start' }} onClick={toggle} aria-expanded={open} leftSection={open ? <ChevronDown size={15} aria-hidden /> : <ChevronRight size={15} aria-hidden />}>{t('options.advanced')}</Button>
          <Collapse expanded={open}>{draw(rest)}</Collapse>
        </>
      )}
    </Stack>
  )
}
