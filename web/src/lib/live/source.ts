import type { StreamEvent } from './state'

export interface SourceEvents {
  event(topic: string, e: StreamEvent): void
  up(connected: boolean): void
  end(problem: { status: number; detail: string }): void
}

const longest = 30_000

/** openSource holds one stream open until it is closed; after a break it waits longer each time, by chance a little more. */
export function openSource(url: string, topics: readonly string[], on: SourceEvents): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let wait = 1000
  let closed = false

  const again = () => {
    source?.close()
    on.up(false)
    if (closed) return
    timer = setTimeout(open, wait * (1 + Math.random() / 4))
    wait = Math.min(wait * 2, longest)
  }
  function open() {
    source = new EventSource(url)
    source.onopen = () => {
      wait = 1000
      on.up(true)
    }
    source.onerror = again
    for (const t of topics) {
      source.addEventListener(t, (m: MessageEvent<string>) => on.event(t, JSON.parse(m.data) as StreamEvent))
    }
    source.addEventListener('end', (m: MessageEvent<string>) => {
      on.end(JSON.parse(m.data) as { status: number; detail: string })
      again()
    })
  }
  open()
  return () => {
    closed = true
    clearTimeout(timer)
    source?.close()
  }
}
