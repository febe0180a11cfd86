import { afterEach, describe, expect, it, vi } from 'vitest'
import { startLive } from './shared'
import { fold } from './state'

describe('fold', () => {
  it('takes a whole listing, changes, and what is gone', () => {
    const a = fold(undefined, { whole: true, set: [{ id: 'a', n: 1 }, { id: 'b', n: 1 }], gone: [], more: false })
    const b = fold(a, { whole: false, set: [{ id: 'b', n: 2 }], gone: ['a'], more: true })
    expect(b).toEqual({ items: { b: { id: 'b', n: 2 } }, more: true })
    expect(a.items).toHaveProperty('a')
  })
  it('forgets everything before a whole listing', () => {
    const a = fold({ items: { old: 1 }, more: false }, { whole: true, set: [], gone: null, more: false })
    expect(a.items).toEqual({})
  })
})

class FakeSource extends EventTarget {
  static opened: FakeSource[] = []
  onopen?: () => void
  onerror?: () => void
  constructor(readonly url: string) {
    super()
    FakeSource.opened.push(this)
  }
  close() { FakeSource.opened = FakeSource.opened.filter((s) => s !== this) }
  say(topic: string, data: object) { this.dispatchEvent(new MessageEvent(topic, { data: JSON.stringify(data) })) }
}

/** One lock for all tabs of this test, as a browser has. */
function fakeLocks() {
  let tail = Promise.resolve()
  return {
    request: (_name: string, o: { signal: AbortSignal }, run: () => Promise<void>) => {
      const turn = tail.then(() => (o.signal.aborted ? Promise.reject(new Error('aborted')) : run()))
      tail = turn.catch(() => undefined)
      return turn
    },
  }
}

describe('tabs of one browser', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
    FakeSource.opened = []
  })
  const event = { whole: true, set: [{ id: 'x' }], gone: [], more: false }
  const tab = () => {
    const on = { change: vi.fn(), up: vi.fn(), end: vi.fn() }
    return { on, stop: startLive({ url: '/stream', topics: ['nodes'], name: 'test' }, on) }
  }

  it('share one stream, and another takes it over', async () => {
    vi.stubGlobal('EventSource', FakeSource)
    vi.stubGlobal('navigator', { locks: fakeLocks() })
    const first = tab()
    await vi.waitFor(() => expect(FakeSource.opened).toHaveLength(1))
    const second = tab()
    FakeSource.opened[0]?.say('nodes', event)
    await vi.waitFor(() => expect(second.on.change).toHaveBeenCalledWith('nodes', { nodes: { items: { x: { id: 'x' } }, more: false } }, event))
    expect(FakeSource.opened).toHaveLength(1)

    const third = tab() // comes late, and is told what is known
    await vi.waitFor(() => expect(third.on.change).toHaveBeenCalled())
    first.stop()
    await vi.waitFor(() => expect(FakeSource.opened).toHaveLength(1))
    second.stop()
    third.stop()
    await vi.waitFor(() => expect(FakeSource.opened).toHaveLength(0))
  })

  it('have one each where the browser knows no locks', () => {
    vi.stubGlobal('EventSource', FakeSource)
    vi.stubGlobal('navigator', {})
    const tabs = [tab(), tab()]
    expect(FakeSource.opened).toHaveLength(2)
    tabs.forEach((x) => x.stop())
  })
})
