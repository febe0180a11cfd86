import { useSyncExternalStore } from 'react'

const every = 30_000
const listeners = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(f: () => void): () => void {
  listeners.add(f)
  timer ??= setInterval(() => {
    now = Date.now()
    listeners.forEach((l) => l())
  }, every)
  return () => {
    listeners.delete(f)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** useNow is the time to half a minute; one timer serves all that show it. */
export const useNow = () => useSyncExternalStore(subscribe, () => now)
