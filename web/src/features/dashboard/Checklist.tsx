import { Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { CircleCheck, CircleDashed } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Overview } from '@/api/types'
import { Section } from '@/ui/layout/Section'
import classes from './dashboard.module.css'

type Done = Overview['checklist']

const steps = [
  { key: 'node_online', operator: true, link: { to: '/nodes' } },
  { key: 'ingress', operator: true, link: { to: '/nodes' } },
  { key: 'plan', link: { to: '/plans' } },
  { key: 'subscriber', link: { to: '/subscribers', search: { add: true } } },
  { key: 'connected', link: { to: '/subscribers' } },
] as const

/** Checklist leads from an empty panel to a connected client, and then is gone. */
export function Checklist({ done, operator }: { done: Done; operator: boolean }) {
  const { t } = useTranslation()
  const mine = steps.filter((s) => operator || !('operator' in s))
  const next = mine.find((s) => !done[s.key])
  if (!next) return null
  return (
    <Section title={t('dashboard.start')} hint={t('dashboard.startHint', { done: mine.filter((s) => done[s.key]).length, count: mine.length })}>
      <ol className={classes.steps}>
        {mine.map((s) => (
          <li key={s.key}>
            <Link {...s.link} className={classes.step} data-done={done[s.key] || undefined} data-next={s === next || undefined}>
              {done[s.key] ? <CircleCheck size={18} role="img" aria-label={t('dashboard.done')} /> : <CircleDashed size={18} role="img" aria-label={t('dashboard.open')} />}
              <span><Text span inherit fw={600} display="block">{t(`dashboard.step.${s.key}.title`)}</Text><Text span size="xs" c="dimmed">{t(`dashboard.step.${s.key}.hint`)}</Text></span>
            </Link>
          </li>
        ))}
      </ol>
    </Section>
  )
}
