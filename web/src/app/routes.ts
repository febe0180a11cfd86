import type { QueryClient } from '@tanstack/react-query'
import { createRootRouteWithContext, createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { meQuery } from '@/api/me'
import { signInSearch } from '@/features/auth/search'
import { jobsSearch } from '@/features/jobs/search'
import { nodeSearch, nodesSearch } from '@/features/nodes/search'
import { settingsSearch } from '@/features/settings/search'
import { subscribersSearch } from '@/features/subscribers/search'
import { asApiError } from '@/lib/problem'
import { SignInPage } from '@/features/auth/SignInPage'

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()()

const signIn = createRoute({ getParentRoute: () => root, path: '/sign-in', validateSearch: signInSearch, component: SignInPage })

/** signedIn loads who is there, or sends them to sign in and back. */
async function signedIn(client: QueryClient, href: string) {
  try {
    return await client.ensureQueryData(meQuery)
  } catch (e) {
    if (asApiError(e).status === 401) throw redirect({ to: '/sign-in', search: { next: href === '/' ? undefined : href } })
    throw e
  }
}

const changePassword = createRoute({
  getParentRoute: () => root, path: '/change-password',
  beforeLoad: ({ context, location }) => signedIn(context.queryClient, location.href),
  component: lazyRouteComponent(() => import('@/features/auth/FirstPasswordPage'), 'FirstPasswordPage'),
})

const shell = createRoute({
  getParentRoute: () => root, id: 'shell',
  beforeLoad: async ({ context, location }) => {
    const me = await signedIn(context.queryClient, location.href)
    if (me.must_change_password) throw redirect({ to: '/change-password' })
  },
  component: lazyRouteComponent(() => import('./shell/Shell'), 'Shell'),
})

const under = () => shell

const pages = [
  createRoute({ getParentRoute: under, path: '/', component: lazyRouteComponent(() => import('@/features/dashboard/DashboardPage'), 'DashboardPage') }),
  createRoute({
    getParentRoute: under, path: '/subscribers', validateSearch: subscribersSearch, staticData: { need: 'subscriber:read' },
    component: lazyRouteComponent(() => import('@/features/subscribers/SubscribersPage'), 'SubscribersPage'),
  }),
  createRoute({
    getParentRoute: under, path: '/nodes', validateSearch: nodesSearch, staticData: { need: 'node:read', operator: true },
    component: lazyRouteComponent(() => import('@/features/nodes/NodesPage'), 'NodesPage'),
  }),
  createRoute({
    getParentRoute: under, path: '/nodes/$id', validateSearch: nodeSearch, staticData: { need: 'node:read', operator: true },
    component: lazyRouteComponent(() => import('@/features/nodes/NodePage'), 'NodePage'),
  }),
  createRoute({
    getParentRoute: under, path: '/plans', staticData: { need: 'plan:read' },
    component: lazyRouteComponent(() => import('@/features/plans/PlansPage'), 'PlansPage'),
  }),
  createRoute({
    getParentRoute: under, path: '/tenants', staticData: { need: 'tenant:read' },
    component: lazyRouteComponent(() => import('@/features/tenants/TenantsPage'), 'TenantsPage'),
  }),
  createRoute({
    getParentRoute: under, path: '/staff', staticData: { need: 'login:read' },
    component: lazyRouteComponent(() => import('@/features/staff/StaffPage'), 'StaffPage'),
  }),
  createRoute({
    getParentRoute: under, path: '/access-keys', staticData: { need: 'access_key:read' },
    component: lazyRouteComponent(() => import('@/features/keys/KeysPage'), 'KeysPage'),
  }),
  createRoute({
    getParentRoute: under, path: '/jobs', validateSearch: jobsSearch, staticData: { need: 'node:read', operator: true },
    component: lazyRouteComponent(() => import('@/features/jobs/JobsPage'), 'JobsPage'),
  }),
  createRoute({
    getParentRoute: under, path: '/settings', validateSearch: settingsSearch, staticData: { need: 'setting:read' },
    component: lazyRouteComponent(() => import('@/features/settings/SettingsPage'), 'SettingsPage'),
  }),
  createRoute({ getParentRoute: under, path: '/account', component: lazyRouteComponent(() => import('@/features/account/AccountPage'), 'AccountPage') }),
] as const

export const tree = root.addChildren([signIn, changePassword, shell.addChildren(pages)])
