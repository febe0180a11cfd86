import { TextInput, type TextInputProps } from '@mantine/core'

interface Props extends Omit<TextInputProps, 'value' | 'onChange'> {
  value: string | null
  onChange: (v: string | null) => void
}

/** toLocal writes a moment as the browser's own field wants it, in the person's time zone. */
export function toLocal(iso: string | null): string {
  if (!iso) return ''
  const at = new Date(iso)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** DateInput is the browser's own: every platform has one that works by keyboard, touch and screen reader. */
export function DateInput({ value, onChange, ...rest }: Props) {
  return <TextInput type="datetime-local" value={toLocal(value)} onChange={(e) => onChange(e.currentTarget.value ? new Date(e.currentTarget.value).toISOString() : null)} {...rest} />
}
