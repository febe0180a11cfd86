import { Group, NumberInput, Select, Switch } from '@mantine/core'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { GiB, KiB, MiB, TiB } from '@/lib/units'

interface Unit { label: string; factor: number }

const byteUnits: Unit[] = [{ label: 'MB', factor: MiB }, { label: 'GB', factor: GiB }, { label: 'TB', factor: TiB }]
const rateUnits: Unit[] = [{ label: 'kbit/s', factor: 1e3 }, { label: 'Mbit/s', factor: 1e6 }, { label: 'Gbit/s', factor: 1e9 }]

interface Props {
  label: string
  value: number
  onChange: (v: number) => void
  error?: ReactNode
  description?: string
  /** The value that means "no limit"; absent: there is always one. */
  none?: number
  required?: boolean
}

const unitOf = (value: number, units: Unit[], usual: number) =>
  (value > 0 ? [...units].reverse().find((u) => value >= u.factor) : undefined) ?? units[usual] ?? { label: '', factor: KiB }

function Amount({ units, usual, ...p }: Props & { units: Unit[]; usual: number }) {
  const { t } = useTranslation()
  const [unit, setUnit] = useState(() => unitOf(p.value, units, usual))
  const unlimited = p.none !== undefined && p.value === p.none
  const shown = unlimited ? '' : Math.round((p.value / unit.factor) * 1000) / 1000
  const send = (n: number, u: Unit) => p.onChange(Math.round(n * u.factor))
  return (
    <div>
      <Group gap={8} align="flex-end" wrap="nowrap">
        <NumberInput flex={1} label={p.label} description={p.description} error={p.error} required={p.required} value={shown} disabled={unlimited} placeholder={unlimited ? t('form.unlimited') : undefined} decimalScale={3} onChange={(v) => send(Number(v) || 0, unit)} />
        <Select
          w={100} aria-label={t('form.unitOf', { name: p.label })} disabled={unlimited} data={units.map((u) => u.label)} value={unit.label}
          onChange={(label) => {
            const next = units.find((u) => u.label === label) ?? unit
            setUnit(next)
            if (!unlimited) send(Number(shown) || 0, next)
          }}
        />
      </Group>
      {p.none !== undefined && (
        <Switch mt={8} size="xs" label={t('form.unlimited')} aria-label={`${p.label}: ${t('form.unlimited')}`} checked={unlimited} onChange={(e) => p.onChange(e.currentTarget.checked ? (p.none ?? 0) : unit.factor * 100)} />
      )}
    </div>
  )
}

/** SizeInput takes traffic in a unit that people use and gives bytes. */
export const SizeInput = (p: Props) => <Amount units={byteUnits} usual={1} {...p} />

/** RateInput takes a speed and gives bits per second. */
export const RateInput = (p: Props) => <Amount units={rateUnits} usual={1} {...p} />
