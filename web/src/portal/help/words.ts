import { useCallback } from 'react'
import { useWords } from '@/i18n/useWords'
import type { Finding } from '../api'

const protocols: Record<string, string> = { hysteria2: 'Hysteria 2', shadowsocks: 'Shadowsocks', socks5: 'SOCKS5', http: 'HTTP', wireguard: 'WireGuard' }

export const protocolName = (kind: string) => protocols[kind] ?? kind

/** useFinding puts a finding into words: what is, and what to do. */
export function useFinding() {
  const { t, f } = useWords()
  return useCallback((x: Finding): { title: string; advice: string } => {
    const v = {
      node: x.node ?? '', ingress: x.ingress ?? '', protocol: protocolName(x.protocol ?? ''), count: x.count ?? 0, limit: f.number(x.limit ?? 0),
      since: x.since ? f.relative(x.since) : '', until: x.until ? f.dateTime(x.until) : '',
    }
    const ended = x.code === 'suspended' && x.reason && x.reason !== 'manual'
    return {
      title: ended ? t('portal.finding.suspended.because', { reason: t(`reason.${x.reason as 'abuse'}`, { defaultValue: x.reason }) }) : t(`portal.finding.${x.code}.title`, v),
      advice: x.code === 'limited' && !x.until ? t('portal.finding.limited.never') : x.code === 'on_hold' && !x.until ? t('portal.finding.on_hold.whenever') : t(`portal.finding.${x.code}.advice`, v),
    }
  }, [t, f])
}
