import { useWords } from '@/i18n/useWords'
import { useNow } from '@/ui/data/useNow'

/** When says "in 3 days"; pointing at it gives the date. */
export function When({ at, never = '–' }: { at: string | null | undefined; never?: string }) {
  const { f } = useWords()
  const now = useNow()
  return at ? <time dateTime={at} title={f.dateTime(at)}>{f.relative(at, now)}</time> : <>{never}</>
}
