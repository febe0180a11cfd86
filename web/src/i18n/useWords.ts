import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import * as time from '@/lib/time'
import * as units from '@/lib/units'

/** useWords is the translation function and the formats of the language that is chosen. */
export function useWords() {
  const { t, i18n } = useTranslation()
  const language = i18n.language
  const f = useMemo(
    () => ({
      bytes: (n: number) => units.formatBytes(n, language),
      rate: (n: number) => units.formatRate(n, language),
      number: (n: number) => units.formatNumber(n, language),
      percent: (n: number) => units.formatPercent(n, language),
      money: (n: number, currency: string) => units.formatMoney(n, currency, language),
      date: (at: string | Date) => time.formatDate(new Date(at), language),
      dateTime: (at: string | Date) => time.formatDateTime(new Date(at), language),
      relative: (at: string | Date, now = Date.now()) => time.formatRelative(new Date(at), now, language),
      span: (ms: number) => time.formatSpan(ms, language),
    }),
    [language],
  )
  return { t, f, language }
}
