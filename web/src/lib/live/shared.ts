import { openSource } from './source'
import { fold, type LiveState, type StreamEvent } from './state'

/** What tabs tell each other. */
type Message =
  | { kind: 'hello' } // a new tab asks for what is known
  | { kind: 'state'; state: LiveState; up: boolean }
  | { kind: 'event'; topic: string; event: StreamEvent }
  | { kind: 'up'; up: boolean }
  | { kind: 'end'; status: number }

export interface LiveEvents {
  change(topic: string, state: LiveState, event: StreamEvent | undefined): void
  up(connected: boolean): void
  end(status: number): void
}

export interface LiveOptions {
  url: string
  topics: readonly string[]
  /** Tabs with the same name share one stream: it names the person, too. */
  name: string
}

/**
 * startLive feeds a tab with what changes on the panel. One tab of the browser, whoever holds the lock, has the stream and
 * passes everything on; when it closes, the next holder opens another. Browsers without locks or channels have a stream
 * for each tab.
 */
export function startLive(o: LiveOptions, on: LiveEvents): () => void {
  const shared = 'locks' in navigator && typeof BroadcastChannel === 'function'
  const channel = shared ? new BroadcastChannel(o.name) : undefined
  const stop = new AbortController()
  let state: LiveState = {}
  let up = false
  let leads = false
  let close: (() => void) | undefined

  const say = (m: Message) => channel?.postMessage(m)
  const take = (topic: string, event: StreamEvent) => {
    state = { ...state, [topic]: fold(state[topic], event) }
    on.change(topic, state, event)
  }
  const setUp = (v: boolean) => {
    up = v
    on.up(v)
  }
  const lead = () => {
    leads = true
    close = openSource(o.url, o.topics, {
      event: (topic, event) => {
        take(topic, event)
        say({ kind: 'event', topic, event })
      },
      up: (v) => {
        setUp(v)
        say({ kind: 'up', up: v })
      },
      end: ({ status }) => {
        on.end(status)
        say({ kind: 'end', status })
      },
    })
  }
  if (channel) {
    channel.onmessage = ({ data: m }: MessageEvent<Message>) => {
      if (m.kind === 'hello') {
        if (leads) say({ kind: 'state', state, up })
      } else if (m.kind === 'state') {
        state = m.state
        for (const topic of Object.keys(state)) on.change(topic, state, undefined)
        setUp(m.up)
      } else if (m.kind === 'event') take(m.topic, m.event)
      else if (m.kind === 'up') setUp(m.up)
      else on.end(m.status)
    }
    say({ kind: 'hello' })
    const held = () => new Promise<void>((release) => stop.signal.addEventListener('abort', () => release()))
    navigator.locks
      .request(o.name, { signal: stop.signal }, () => {
        lead()
        return held()
      })
      .catch((e: unknown) => {
        if (!stop.signal.aborted) lead() // locks are refused here: a stream of our own
        else void e
      })
  } else lead()

  return () => {
    stop.abort()
    close?.()
    channel?.close()
  }
}
