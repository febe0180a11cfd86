import { useMantineColorScheme } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { LogOut, Moon, Plus, User, UserRound, type LucideIcon } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { api, data } from '@/api/client'
import { useMay, useMe } from '@/api/me'
import { mayVisit, navGroups } from '../shell/navItems'
import { signOut } from '../shell/signOut'

export interface Command {
  id: string
  label: string
  kind: string
  icon: LucideIcon
  run: () => void
}

/** useCommands is what matches: pages and deeds at once, subscribers when the panel has answered. */
export function useCommands(query: string, slow: string): Command[] {
  const { t } = useTranslation()
  const go = useNavigate()
  const client = useQueryClient()
  const me = useMe()
  const may = useMay()
  const { toggleColorScheme } = useMantineColorScheme()
  const page = t('palette.page')
  const deed = t('palette.deed')

  const found = useQuery({
    queryKey: ['palette', slow],
    queryFn: () => data(api.GET('/subscribers', { params: { query: { q: slow, limit: 6 } } })),
    enabled: slow.length > 1 && may('subscriber:read'),
  }).data

  const fixed: (Command | false)[] = [
    ...navGroups.flatMap((g) => g.items).filter((i) => mayVisit(me, i)).map((i): Command => ({ id: i.to, label: t(`app.page.${i.key}`), kind: page, icon: i.icon, run: () => void go({ to: i.to }) })),
    { id: 'account', label: t('app.page.account'), kind: page, icon: UserRound, run: () => void go({ to: '/account' }) },
    may('subscriber:write') && { id: 'add-subscriber', label: t('palette.addSubscriber'), kind: deed, icon: Plus, run: () => void go({ to: '/subscribers', search: { add: true } }) },
    { id: 'scheme', label: t('palette.scheme'), kind: deed, icon: Moon, run: toggleColorScheme },
    { id: 'out', label: t('app.signOut'), kind: deed, icon: LogOut, run: () => void signOut(client) },
  ]
  const wanted = query.trim().toLowerCase()
  const matching = fixed.filter((c): c is Command => Boolean(c)).filter((c) => c.label.toLowerCase().includes(wanted))
  const people = (slow === query.trim() ? (found?.items ?? []) : []).map((s): Command => ({
    id: s.id, label: s.full_name ? `${s.name} · ${s.full_name}` : s.name, kind: t('palette.subscriber'), icon: User,
    run: () => void go({ to: '/subscribers', search: { open: s.id } }),
  }))
  return [...matching, ...people]
}
