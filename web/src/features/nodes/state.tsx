import { Plug, Unplug } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Node } from '@/api/types'
import { StatusPill, type Tone } from '@/ui/data/StatusPill'

export type NodeState = 'online' | 'offline' | 'waiting' | 'suspended' | 'revoked'

export const stateOf = (n: Node): NodeState => (n.status !== 'active' ? (n.status as NodeState) : n.online ? 'online' : 'offline')

const tones: Record<NodeState, Tone> = { online: 'ok', offline: 'bad', waiting: 'info', suspended: 'warn', revoked: 'mute' }

export function NodeStatus({ node }: { node: Node }) {
  const { t } = useTranslation()
  const state = stateOf(node)
  return <StatusPill tone={tones[state]} icon={state === 'online' ? Plug : state === 'offline' ? Unplug : undefined} label={t(`nodes.state.${state}`)} />
}

/** refusalOf is why the node does not serve what is wanted of it; empty when it does. */
export const refusalOf = (n: Node) => (n.refused_revision > n.applied_revision ? [n.refused_path, n.refused_reason].filter(Boolean).join(': ') : '')

/** Revision says whether the node serves what is wanted. */
export function Revision({ node: n }: { node: Node }) {
  const { t } = useTranslation()
  if (refusalOf(n)) return <StatusPill tone="bad" label={t('nodes.refused', { revision: n.refused_revision })} />
  if (n.status === 'waiting') return <span>–</span>
  if (n.applied_revision === n.wanted_revision) return <StatusPill tone="ok" label={t('nodes.applied', { revision: n.applied_revision })} />
  return <StatusPill tone="info" label={t('nodes.applying', { applied: n.applied_revision, wanted: n.wanted_revision })} />
}
