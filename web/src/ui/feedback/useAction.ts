import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { asApiError } from '@/lib/problem'
import { notifyDone, notifyFault } from './notify'

interface Options<R> {
  /** First parts of the keys of queries that are read again. */
  refresh?: readonly string[]
  done?: string
  /** Faults are shown by whoever calls, in a form or a question. */
  quiet?: boolean
  after?: (r: R) => void
}

/** useAction changes something on the panel and reads again what that touches. */
export function useAction<V, R>(fn: (v: V) => Promise<R>, o: Options<R> = {}) {
  const client = useQueryClient()
  const { t } = useTranslation()
  return useMutation({
    mutationFn: fn,
    onSuccess: async (r) => {
      if (o.done) notifyDone(o.done)
      await Promise.all((o.refresh ?? []).map((k) => client.invalidateQueries({ queryKey: [k] })))
      o.after?.(r)
    },
    onError: (e) => {
      if (!o.quiet) notifyFault(t('common.failed'), asApiError(e))
    },
  })
}
