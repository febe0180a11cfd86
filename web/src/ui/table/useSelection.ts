import { useCallback, useMemo, useState } from 'react'
import type { Selection } from './column'

/** useSelection remembers which rows are ticked. */
export function useSelection() {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  const clear = useCallback(() => setIds(new Set()), [])
  const selection = useMemo<Selection>(() => {
    const change = (keys: string[], on: boolean) =>
      setIds((old) => {
        const next = new Set(old)
        for (const k of keys) if (on) next.add(k); else next.delete(k)
        return next
      })
    return { has: (k) => ids.has(k), set: (k, on) => change([k], on), setAll: change }
  }, [ids])
  return { ids, selection, clear }
}
