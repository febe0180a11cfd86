/** What a topic of the stream holds: its objects by key. */
export interface TopicState {
  items: Record<string, unknown>
  more: boolean // there are more objects than the stream shows
}
export type LiveState = Record<string, TopicState>

/** Event is the wire form: see GET /stream. */
export interface StreamEvent {
  whole: boolean
  set: unknown[] | null
  gone: string[] | null
  more: boolean
}

const keyOf = (o: unknown) => {
  const id = (o as { id?: unknown } | null)?.id
  return typeof id === 'string' ? id : ''
}

/** fold applies an event. Objects that did not change stay the same objects, so that nothing draws them again. */
export function fold(before: TopicState | undefined, e: StreamEvent): TopicState {
  const items = e.whole || !before ? {} : { ...before.items }
  for (const o of e.set ?? []) items[keyOf(o)] = o
  for (const k of e.gone ?? []) delete items[k]
  return { items, more: e.more }
}
