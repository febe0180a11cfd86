import { useVirtualizer } from '@tanstack/react-virtual'
import { useMediaQuery } from '@mantine/hooks'
import { useEffect, useRef } from 'react'

export const rowHeight = 52
const cardHeight = 176
export const narrow = '(max-width: 47.99em)'

/** useRows tells which rows to draw, and how much room the others take. Near the end it asks for more. */
export function useRows<T>(rows: readonly T[], virtual: { end?: () => void } | undefined) {
  const box = useRef<HTMLDivElement>(null)
  const cards = useMediaQuery(narrow, false, { getInitialValueInEffect: false })
  const v = useVirtualizer({
    count: virtual ? rows.length : 0,
    getScrollElement: () => box.current,
    estimateSize: () => (cards ? cardHeight : rowHeight),
    overscan: 12,
  })
  const items = v.getVirtualItems()
  const last = items.at(-1)
  const end = virtual?.end
  useEffect(() => {
    if (end && last && last.index >= rows.length - 20) end()
  }, [end, last, rows.length])
  useEffect(() => v.measure(), [v, cards])

  if (!virtual) return { box, shown: rows.map((row, index) => ({ row, index })), before: 0, after: 0 }
  return {
    box,
    shown: items.flatMap(({ index }) => { const row = rows[index]; return row === undefined ? [] : [{ row, index }] }),
    before: items[0]?.start ?? 0,
    after: last ? v.getTotalSize() - last.end : 0,
  }
}
