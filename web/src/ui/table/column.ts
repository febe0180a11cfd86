import type { ReactNode } from 'react'

export interface Column<T> {
  key: string
  title: string
  cell: (row: T) => ReactNode
  /** A grid track, such as "120px" or "minmax(0,2fr)". */
  width?: string
  align?: 'right'
  /** What the server calls the order by this column. */
  sort?: string
  /** Left out below this width of the window, or in the cards of narrow screens. */
  hide?: 'lg' | 'card'
}

/** Sorting by a field, or by "-field" from the other end. */
export interface Sorting {
  by: string
  set: (by: string) => void
}

export interface Selection {
  has: (id: string) => boolean
  set: (id: string, on: boolean) => void
  setAll: (ids: string[], on: boolean) => void
}
