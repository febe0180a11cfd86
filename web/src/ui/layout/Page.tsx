import { Anchor, Group, Stack, Text, Title } from '@mantine/core'
import { ChevronLeft } from 'lucide-react'
import { useEffect, type ReactNode } from 'react'
import classes from './page.module.css'

interface Props {
  title: string
  /** In the browser's tab, where it differs. */
  name?: string
  hint?: ReactNode
  actions?: ReactNode
  back?: { label: string; onClick: () => void }
  beside?: ReactNode
  children: ReactNode
  wide?: boolean
}

/** Page is the frame of everything in the shell: a heading, what can be done here, and the content. */
export function Page({ title, name, hint, actions, back, beside, children, wide }: Props) {
  useEffect(() => {
    const brand = document.documentElement.dataset.brand ?? 'Culvert'
    document.title = `${name ?? title} · ${brand}`
  }, [name, title])
  return (
    <div className={classes.page} data-wide={wide || undefined}>
      {back && (
        <Anchor component="button" type="button" size="sm" onClick={back.onClick} className={classes.back}>
          <ChevronLeft size={15} aria-hidden />{back.label}
        </Anchor>
      )}
      <Group justify="space-between" align="flex-start" gap="md" mb="lg" wrap="wrap">
        <Stack gap={2} miw={0}>
          <Group gap="sm"><Title order={1} className={classes.title}>{title}</Title>{beside}</Group>
          {hint && <Text size="sm" c="dimmed" component="div">{hint}</Text>}
        </Stack>
        {actions && <Group gap="sm">{actions}</Group>}
      </Group>
      {children}
    </div>
  )
}
