import type { ReactNode } from 'react'
import { Loaded } from '../feedback/states'
import { DataTable } from './DataTable'
import type { Column } from './column'

interface Props<T> {
  label: string
  query: { data: readonly T[] | undefined; error: unknown; isPending: boolean; refetch: () => unknown }
  columns: Column<T>[]
  id: (row: T) => string
  onOpen?: (row: T) => void
  empty: ReactNode
}

/** CardTable is a whole short list: waiting, fault, emptiness and all. */
export function CardTable<T>({ query, empty, ...table }: Props<T>) {
  return <Loaded query={query}>{(rows) => (rows.length === 0 ? empty : <DataTable rows={rows} {...table} />)}</Loaded>
}
