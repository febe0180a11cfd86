import { useMediaQuery } from '@mantine/hooks'
import type { Column } from './column'
import { narrow } from './useRows'

/** useColumns leaves out what a middling window has no room for; cards show everything. */
export function useColumns<T>(columns: Column<T>[]): Column<T>[] {
  const cards = useMediaQuery(narrow, false, { getInitialValueInEffect: false })
  const middling = useMediaQuery('(max-width: 81.99em)', false, { getInitialValueInEffect: false })
  return cards || !middling ? columns : columns.filter((c) => c.hide !== 'lg')
}
