import type { Kind } from '@/api/types'
import generated from '@/api/options.gen.json'

/** Schema is as much of JSON Schema as the panel's document of options uses. */
export interface Schema {
  type?: string | string[]
  properties?: Record<string, Schema>
  additionalProperties?: boolean | Schema
  items?: Schema
  enum?: string[]
  default?: unknown
  writeOnly?: boolean
}

export const schemas = generated as unknown as Record<Kind, Schema>

export const kinds = Object.keys(schemas) as Kind[]

/** What most people set; the rest is behind one click, all of it with its default. */
const first: Record<Kind, string[]> = {
  hysteria2: ['up_mbps', 'down_mbps', 'sni', 'insecure', 'obfs', 'masquerade'],
  wireguard: ['endpoint_host', 'endpoint_port', 'dns', 'pool4'],
  shadowsocks: ['method', 'udp'],
  socks5: ['tls', 'udp'],
  http: ['tls'],
}

export function split(kind: Kind): { usual: string[]; rest: string[] } {
  const all = Object.entries(schemas[kind].properties ?? {}).filter(([, s]) => !s.writeOnly).map(([name]) => name)
  return { usual: first[kind].filter((n) => all.includes(n)), rest: all.filter((n) => !first[kind].includes(n)) }
}

/** Ports that clients expect, and what needs a certificate. */
export const usualPort: Record<Kind, number> = { hysteria2: 443, wireguard: 51820, shadowsocks: 8388, socks5: 1080, http: 3128 }

export const wantsCertificate = (kind: Kind, options: Record<string, unknown>) => kind === 'hysteria2' || options.tls === true

/** compactOptions removes what was cleared: absent is the default. */
export function compactOptions(o: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(o).flatMap(([k, v]): [string, unknown][] => {
    if (v === undefined || v === null || v === '') return []
    if (typeof v === 'object' && !Array.isArray(v)) {
      const inner = compactOptions(v as Record<string, unknown>)
      return Object.keys(inner).length > 0 ? [[k, inner]] : []
    }
    return [[k, v]]
  })
  return Object.fromEntries(entries)
}

/** What each type of a group takes; the panel refuses the others by name. */
const byType: Record<string, Record<string, string[]>> = {
  masquerade: { string: ['content', 'status', 'headers'], redirect: ['url', 'status'], proxy: ['url', 'allow_private'] },
  obfs: { salamander: ['password'] },
  congestion: { bbr: ['bbr_profile'] },
}

export const fieldsOf = (group: string, type: string | undefined): string[] | undefined => byType[group]?.[type ?? '']
