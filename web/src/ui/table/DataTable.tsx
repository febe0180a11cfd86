import { Checkbox } from '@mantine/core'
import { ArrowDown, ArrowUp } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Column, Selection, Sorting } from './column'
import { rowProps } from './rowProps'
import classes from './table.module.css'
import { useColumns } from './useColumns'
import { useRows } from './useRows'

interface Props<T> {
  label: string
  columns: Column<T>[]
  rows: readonly T[]
  id: (row: T) => string
  onOpen?: (row: T) => void
  openLabel?: (row: T) => string
  active?: string
  sorting?: Sorting
  selection?: Selection
  /** Long lists scroll in a box of their own and draw only the rows in view. */
  virtual?: { height: string; end?: () => void }
}

/**
 * DataTable is every table. On narrow screens each row becomes a card: the first column its heading, the others pairs of
 * name and value.
 */
export function DataTable<T>(p: Props<T>) {
  const { t } = useTranslation()
  const { box, shown, before, after } = useRows(p.rows, p.virtual)
  const columns = useColumns(p.columns)
  const tracks = [p.selection && '40px', ...columns.map((c) => c.width ?? 'minmax(0,1fr)')].filter(Boolean).join(' ')
  const all = p.selection && p.rows.length > 0 && p.rows.every((r) => p.selection?.has(p.id(r)))
  const some = p.selection && p.rows.some((r) => p.selection?.has(p.id(r)))

  return (
    <div className={classes.box} ref={box} data-virtual={p.virtual ? true : undefined} style={p.virtual && { height: p.virtual.height }} tabIndex={p.virtual ? 0 : undefined} role={p.virtual ? 'region' : undefined} aria-label={p.virtual ? p.label : undefined}>
      <div role="table" aria-label={p.label} aria-rowcount={p.rows.length + 1} className={classes.table} style={{ '--tracks': tracks } as React.CSSProperties}>
        <div role="row" className={classes.head} aria-rowindex={1}>
          {p.selection && (
            <div role="columnheader" className={classes.check}>
              <Checkbox size="xs" aria-label={t('table.selectAll')} checked={all} indeterminate={some && !all} onChange={(e) => p.selection?.setAll(p.rows.map(p.id), e.currentTarget.checked)} />
            </div>
          )}
          {columns.map((c) => <HeadCell key={c.key} column={c} sorting={p.sorting} />)}
        </div>
        <div role="rowgroup">
          {before > 0 && <div style={{ height: before }} aria-hidden />}
          {shown.map(({ row, index }) => {
            const key = p.id(row)
            return (
              <div role="row" key={key} aria-rowindex={index + 2} className={classes.row} data-active={p.active === key || undefined} data-open={p.onOpen ? true : undefined} {...rowProps(row, p.onOpen)}>
                {p.selection && (
                  <div role="cell" className={classes.check}>
                    <Checkbox size="xs" aria-label={t('table.select', { name: p.openLabel?.(row) ?? key })} checked={p.selection.has(key)} onChange={(e) => p.selection?.set(key, e.currentTarget.checked)} />
                  </div>
                )}
                {columns.map((c, i) => (
                  <div role="cell" key={c.key} className={classes.cell} data-first={i === 0 || undefined} data-align={c.align} data-hide={c.hide} data-menu={c.title === '' || undefined} data-label={i > 0 ? c.title : undefined}>
                    {i === 0 && p.onOpen ? <button type="button" className={classes.open} onClick={() => p.onOpen?.(row)}>{c.cell(row)}</button> : c.cell(row)}
                  </div>
                ))}
              </div>
            )
          })}
          {after > 0 && <div style={{ height: after }} aria-hidden />}
        </div>
      </div>
    </div>
  )
}

function HeadCell<T>({ column: c, sorting }: { column: Column<T>; sorting?: Sorting }) {
  const up = sorting?.by === c.sort
  const down = sorting?.by === `-${c.sort}`
  const state = !c.sort || !sorting ? undefined : up ? 'ascending' : down ? 'descending' : 'none'
  return (
    <div role="columnheader" className={classes.headCell} data-align={c.align} aria-sort={state}>
      {c.sort && sorting ? (
        <button type="button" className={classes.sort} onClick={() => sorting.set(up ? `-${c.sort}` : (c.sort ?? ''))}>
          {c.title}
          {up ? <ArrowUp size={13} aria-hidden /> : down ? <ArrowDown size={13} aria-hidden /> : <ArrowDown size={13} aria-hidden className={classes.faint} />}
        </button>
      ) : c.title}
    </div>
  )
}
