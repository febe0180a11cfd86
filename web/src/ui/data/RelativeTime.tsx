import { Text, Tooltip } from '@mantine/core'
import { useWords } from '@/i18n/useWords'
import { useNow } from './useNow'

/** RelativeTime says "in 3 days"; the date itself is a hover, a focus or a touch away. */
export function RelativeTime({ at, never = '–', c }: { at: string | null | undefined; never?: string; c?: string }) {
  const { f } = useWords()
  const now = useNow()
  if (!at) return <Text span inherit c="dimmed">{never}</Text>
  return (
    <Tooltip label={f.dateTime(at)}>
      <Text span inherit c={c} component="time" dateTime={at}>{f.relative(at, now)}</Text>
    </Tooltip>
  )
}
