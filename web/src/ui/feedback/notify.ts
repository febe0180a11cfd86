import { notifications } from '@mantine/notifications'
import type { ApiError } from '@/lib/problem'

export const notifyDone = (message: string) => notifications.show({ message, color: 'teal', autoClose: 4000, withBorder: true })

/** notifyFault stays until it is read; the trace leads to the panel's log. */
export function notifyFault(title: string, e: ApiError): void {
  const rules = e.fields.map((f) => `${f.field}: ${f.rule}`)
  notifications.show({
    title, message: [e.message, ...rules, e.trace].filter(Boolean).join(' · '), color: 'red', autoClose: 15_000, withBorder: true,
  })
}
