import { useQuery, useQueryClient, type QueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { startLive } from '@/lib/live/shared'
import type { TopicState } from '@/lib/live/state'
import { prefix, tellSignedOut } from './client'

const topicKey = (topic: string) => ['live', topic] as const
const upKey = ['live', '.up'] as const

/** Lists that are read again when their topic changes: how, and no more often than every so many milliseconds. */
const stale: Record<string, { keys: string[]; every: number }> = {
  nodes: { keys: ['nodes'], every: 2000 },
  bulk: { keys: ['bulk'], every: 1000 },
}

function feed(client: QueryClient, name: string, topics: readonly string[]): () => void {
  const last = new Map<string, ReturnType<typeof setTimeout>>()
  const refresh = (topic: string) => {
    const s = stale[topic]
    if (!s || last.has(topic)) return
    last.set(topic, setTimeout(() => {
      last.delete(topic)
      for (const k of s.keys) void client.invalidateQueries({ queryKey: [k] })
    }, s.every))
  }
  const stop = startLive({ url: `${prefix}/stream?topics=${topics.join(',')}&tree=true`, topics, name: `culvert-live-${name}` }, {
    change: (topic, state, event) => {
      client.setQueryData(topicKey(topic), state[topic])
      if (event && !event.whole) refresh(topic)
    },
    up: (up) => client.setQueryData(upKey, up),
    end: (status) => {
      if (status === 401) tellSignedOut()
    },
  })
  return () => {
    stop()
    last.forEach((t) => clearTimeout(t))
  }
}

/** useLiveFeed holds the stream for as long as its component is there: the shell does, once. */
export function useLiveFeed(name: string, topics: readonly string[]): void {
  const client = useQueryClient()
  const list = topics.join(',')
  useEffect(() => (list ? feed(client, name, list.split(',')) : undefined), [client, name, list])
}

/** useTopic is what the stream last said of a topic; undefined until it has said anything. */
export function useTopic(topic: string): TopicState | undefined {
  return useQuery<TopicState>({ queryKey: topicKey(topic), enabled: false, staleTime: Infinity, gcTime: Infinity }).data
}

/** useLiveUp tells whether the stream is open; undefined before the first attempt. */
export const useLiveUp = () => useQuery<boolean>({ queryKey: upKey, enabled: false, staleTime: Infinity, gcTime: Infinity }).data
