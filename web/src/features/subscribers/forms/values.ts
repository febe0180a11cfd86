import type { Body, Subscriber } from '@/api/types'

type Create = Body<'CreateSubscriberBody'>

/** Values of the form. What is null was not touched: the plan's own word holds. */
export interface Values extends Record<string, unknown> {
  name: string
  password: string
  plan: string | null
  expires_at: string | null
  full_name: string
  email: string
  traffic_limit: number | null
  devices: number | string
  speed_down: number | null
  speed_up: number | null
  reset: Create['reset'] | null
  protocols: string[]
  node_groups: string[]
  on_hold: boolean
  external_id: string
  label: string
  comment: string
  language: NonNullable<Create['language']>
}

export const freshValues: Values = {
  name: '', password: '', plan: null, expires_at: null, full_name: '', email: '', traffic_limit: null, devices: '', speed_down: null, speed_up: null, reset: null, protocols: [], node_groups: [],
  on_hold: false, external_id: '', label: '', comment: '', language: '',
}

/** bodyOf sends what was filled in and nothing else. */
export function bodyOf(v: Values): Create {
  const filled = Object.entries(v).filter(([, x]) => x !== null && x !== '' && x !== false && !(Array.isArray(x) && x.length === 0))
  return { ...Object.fromEntries(filled), name: v.name.trim() } as Create
}

export const valuesOf = (s: Subscriber): Values => ({
  ...freshValues,
  name: s.name, expires_at: s.expires_at, full_name: s.full_name, email: s.email, traffic_limit: s.traffic_limit, devices: s.devices, speed_down: s.speed_down, speed_up: s.speed_up,
  reset: s.reset as Values['reset'], protocols: s.protocols, node_groups: s.node_groups, external_id: s.external_id ?? '', label: s.label, comment: s.comment, language: s.language as Values['language'],
})

const editable = ['expires_at', 'full_name', 'email', 'traffic_limit', 'devices', 'speed_down', 'speed_up', 'reset', 'protocols', 'node_groups', 'external_id', 'label', 'comment', 'language'] as const

/** changesOf sends what differs: a field that somebody else changed meanwhile is not set back. */
export function changesOf(before: Values, after: Values): Body<'PatchSubscriberBody'> {
  const changed = editable.filter((k) => JSON.stringify(before[k]) !== JSON.stringify(after[k]))
  return Object.fromEntries(changed.map((k) => [k, k === 'devices' ? Number(after[k]) || 0 : after[k]])) as Body<'PatchSubscriberBody'>
}
