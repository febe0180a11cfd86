import { useMemo } from 'react'
import { useTopic } from '@/api/live'
import type { Session, Subscriber } from '@/api/types'

/**
 * useOnline tells who is connected. The stream knows it to the second for as many as it shows; beyond that the answer of
 * the list counts.
 */
export function useOnline(): (s: Pick<Subscriber, 'id'> & { online?: boolean }) => boolean {
  const topic = useTopic('sessions')
  return useMemo(() => {
    const ids = new Set(Object.values(topic?.items ?? {}).map((s) => (s as Session).subscriber_id))
    return (s) => ids.has(s.id) || ((!topic || topic.more) && s.online === true)
  }, [topic])
}
