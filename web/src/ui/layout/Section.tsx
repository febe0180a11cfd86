import { Group, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './page.module.css'

/** Section is a card with a heading. */
export function Section({ title, hint, actions, children, flush }: { title?: string; hint?: ReactNode; actions?: ReactNode; children: ReactNode; flush?: boolean }) {
  return (
    <section className={classes.card} data-flush={flush || undefined}>
      {title && (
        <Group justify="space-between" className={classes.cardHead}>
          <div>
            <Title order={2} size="h5">{title}</Title>
            {hint && <Text size="sm" c="dimmed">{hint}</Text>}
          </div>
          {actions}
        </Group>
      )}
      {children}
    </section>
  )
}
