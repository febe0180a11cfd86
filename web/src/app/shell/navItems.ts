import { Boxes, Building2, KeyRound, LayoutDashboard, ListChecks, Server, Settings, UserCog, Users, type LucideIcon } from 'lucide-react'
import type { Me } from '@/api/types'
import { allows } from '@/lib/permissions'

export interface NavItem {
  to: '/' | '/subscribers' | '/plans' | '/nodes' | '/tenants' | '/staff' | '/access-keys' | '/jobs' | '/settings'
  key: 'dashboard' | 'subscribers' | 'plans' | 'nodes' | 'tenants' | 'staff' | 'keys' | 'jobs' | 'settings'
  icon: LucideIcon
  need?: string
  operator?: boolean
}

export const navGroups: { key: 'sell' | 'run' | 'manage' | undefined; items: NavItem[] }[] = [
  { key: undefined, items: [{ to: '/', key: 'dashboard', icon: LayoutDashboard }] },
  {
    key: 'sell',
    items: [
      { to: '/subscribers', key: 'subscribers', icon: Users, need: 'subscriber:read' },
      { to: '/plans', key: 'plans', icon: Boxes, need: 'plan:read' },
    ],
  },
  {
    key: 'run',
    items: [
      { to: '/nodes', key: 'nodes', icon: Server, need: 'node:read', operator: true },
      { to: '/jobs', key: 'jobs', icon: ListChecks, need: 'node:read', operator: true },
    ],
  },
  {
    key: 'manage',
    items: [
      { to: '/tenants', key: 'tenants', icon: Building2, need: 'tenant:read' },
      { to: '/staff', key: 'staff', icon: UserCog, need: 'login:read' },
      { to: '/access-keys', key: 'keys', icon: KeyRound, need: 'access_key:read' },
      { to: '/settings', key: 'settings', icon: Settings, need: 'setting:read' },
    ],
  },
]

export const mayVisit = (me: Me, i: NavItem) => (!i.need || allows(me.permissions, i.need)) && (!i.operator || me.operator)
