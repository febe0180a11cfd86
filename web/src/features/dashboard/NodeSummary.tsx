import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { nodesQuery } from '@/api/lookups'
import type { Node } from '@/api/types'
import { StatusPill } from '@/ui/data/StatusPill'
import { Loaded } from '@/ui/feedback/states'
import { Section } from '@/ui/layout/Section'
import classes from './dashboard.module.css'

const shown = 6
const trouble = (n: Node) => (n.refused_revision > n.applied_revision ? 3 : n.status === 'active' && !n.online ? 2 : n.status !== 'active' ? 1 : 0)

function State({ node: n }: { node: Node }) {
  const { t } = useTranslation()
  if (n.refused_revision > n.applied_revision) return <StatusPill tone="bad" label={t('nodes.refused', { revision: n.refused_revision })} />
  if (n.status !== 'active') return <StatusPill tone={n.status === 'waiting' ? 'info' : 'warn'} label={t(`nodes.state.${n.status as 'waiting'}`)} />
  return n.online ? <StatusPill tone="ok" label={t('nodes.state.online')} /> : <StatusPill tone="bad" label={t('nodes.state.offline')} />
}

/** NodeSummary shows nodes, those with trouble first. */
export function NodeSummary() {
  const { t } = useTranslation()
  const query = useQuery(nodesQuery)
  return (
    <Section title={t('app.page.nodes')}>
      <Loaded query={query}>
        {(list: Node[]) => list.length === 0 ? <Text size="sm" c="dimmed">{t('nodes.empty')}</Text> : [...list].sort((a, b) => trouble(b) - trouble(a)).slice(0, shown).map((n) => (
          <Link key={n.id} to="/nodes/$id" params={{ id: n.id }} className={classes.line}>
            <span className={classes.name}>{n.name}</span>
            <State node={n} />
          </Link>
        ))}
      </Loaded>
    </Section>
  )
}
