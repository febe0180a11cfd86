import { describe, expect, it } from 'vitest'
import { complete, makePair } from './devices/keys'
import { apps, platformOf, platforms } from './home/platform'

describe('platformOf', () => {
  it.each([
    ['Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140', 5, 'android'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', 5, 'ios'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari', 5, 'ios'], // an iPad
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari', 0, 'macos'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 0, 'windows'],
    ['Mozilla/5.0 (X11; Linux x86_64)', 0, 'linux'],
    ['', 0, 'linux'],
  ])('%s', (agent, touch, want) => expect(platformOf(agent, touch)).toBe(want))

  it('has an app that opens the subscription by itself for each', () => {
    for (const p of platforms) expect(apps.find((a) => a.for.includes(p))?.link).toBeTruthy()
  })
})

describe('makePair', () => {
  it('makes keys of 32 bytes that belong together', async () => {
    const pair = await makePair(globalThis.crypto.subtle)
    if (!pair) throw new Error('this Node has no X25519')
    expect([atob(pair.privateKey).length, atob(pair.publicKey).length]).toEqual([32, 32])
    expect(pair.privateKey).not.toBe(pair.publicKey)
  })

  it('leaves it to the panel where the browser cannot', async () => {
    expect(await makePair({ generateKey: () => Promise.reject(new Error('NotSupportedError')) } as unknown as SubtleCrypto)).toBeUndefined()
    expect(await makePair(null as unknown as SubtleCrypto)).toBeUndefined()
  })
})

describe('complete', () => {
  it('puts the key where the panel left a place for it', () => {
    expect(complete('[Interface]\nPrivateKey = PRIVATE_KEY\nAddress = 10.0.0.2/32\n', 'abc=')).toBe('[Interface]\nPrivateKey = abc=\nAddress = 10.0.0.2/32\n')
  })
  it('refuses a file that has one', () => expect(() => complete('PrivateKey = xyz=\n', 'abc=')).toThrow())
})
