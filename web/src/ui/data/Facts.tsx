import type { ReactNode } from 'react'
import classes from './pill.module.css'

/** Facts is a list of names and values; what is undefined is left out. */
export function Facts({ of }: { of: [name: string, value: ReactNode][] }) {
  return (
    <dl className={classes.facts}>
      {of.filter(([, v]) => v !== undefined).map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name} value`}>{value}</dd>])}
    </dl>
  )
}
