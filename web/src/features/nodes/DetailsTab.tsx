import { useQuery } from '@tanstack/react-query'
import { groupsQuery, protocolName } from '@/api/lookups'
import type { Node } from '@/api/types'
import { useWords } from '@/i18n/useWords'
import { Facts } from '@/ui/data/Facts'
import { RelativeTime } from '@/ui/data/RelativeTime'
import { Section } from '@/ui/layout/Section'
import { Revision } from './state'

export function DetailsTab({ node: n }: { node: Node }) {
  const { t, f } = useWords()
  const groups = useQuery(groupsQuery).data ?? []
  return (
    <Section>
      <Facts
        of={[
          [t('nodes.revision'), <Revision key="r" node={n} />],
          [t('nodes.wanted'), f.number(n.wanted_revision)],
          [t('nodes.appliedRevision'), <span key="a">{f.number(n.applied_revision)}{n.applied_at && <> · <RelativeTime at={n.applied_at} /></>}</span>],
          [t('nodes.seen'), <RelativeTime key="s" at={n.seen_at} never={t('common.never')} />],
          [t('nodes.version'), n.agent_version || '–'],
          [t('nodes.skew'), n.seen_at ? t('nodes.milliseconds', { number: f.number(n.clock_skew_ms) }) : undefined],
          [t('nodes.kinds'), n.kinds.map(protocolName).join(', ') || '–'],
          [t('form.nodeGroups'), groups.filter((g) => n.groups.includes(g.id)).map((g) => g.name).join(', ') || t('common.none')],
          [t('subscribers.created'), f.dateTime(n.created_at)],
          ['ID', n.id],
        ]}
      />
    </Section>
  )
}
