import type { MouseEvent } from 'react'

/** rowProps opens a row by a click anywhere on it that is not meant for a control inside. Keys use the first cell's button. */
export function rowProps<T>(row: T, open: ((row: T) => void) | undefined) {
  if (!open) return {}
  return {
    onClick: (e: MouseEvent<HTMLElement>) => {
      if ((e.target as HTMLElement).closest('button,a,input,label,[role=menu]')) return
      if (window.getSelection()?.toString()) return
      open(row)
    },
  }
}
