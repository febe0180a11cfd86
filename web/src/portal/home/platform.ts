export const platforms = ['android', 'ios', 'windows', 'macos', 'linux'] as const
export type Platform = (typeof platforms)[number]

/** platformOf reads a user agent. An iPad calls itself a Mac; its touch screen tells. */
export function platformOf(agent: string, touch: number): Platform {
  if (/android/i.test(agent)) return 'android'
  if (/iphone|ipad|ipod/i.test(agent) || (/macintosh/i.test(agent) && touch > 1)) return 'ios'
  if (/windows/i.test(agent)) return 'windows'
  if (/mac os/i.test(agent)) return 'macos'
  return 'linux'
}

export interface App {
  name: string
  /** The name under which the panel gives a link that opens it; absent: it takes the address by hand. */
  link?: string
  get: string
  for: readonly Platform[]
}

/** The first of a platform is the one that we recommend: free, kept up to date, and it speaks all that we serve. */
export const apps: readonly App[] = [
  { name: 'Hiddify', link: 'Hiddify', get: 'https://hiddify.com/', for: ['android', 'ios', 'windows', 'macos', 'linux'] },
  { name: 'sing-box', link: 'sing-box', get: 'https://sing-box.sagernet.org/clients/', for: ['ios', 'android', 'macos'] },
  { name: 'v2rayNG', link: 'v2rayNG', get: 'https://github.com/2dust/v2rayNG/releases', for: ['android'] },
  { name: 'Shadowrocket', link: 'Shadowrocket', get: 'https://apps.apple.com/app/shadowrocket/id932747118', for: ['ios'] },
  { name: 'Stash', link: 'Clash, mihomo, Stash', get: 'https://stash.ws/', for: ['ios', 'macos'] },
  { name: 'Clash Verge Rev', link: 'Clash, mihomo, Stash', get: 'https://www.clashverge.dev/', for: ['windows', 'macos', 'linux'] },
]
