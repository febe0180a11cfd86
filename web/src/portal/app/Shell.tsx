import { ActionIcon, Group } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { Cable, House, LifeBuoy, LogOut, Smartphone, type LucideIcon } from 'lucide-react'
import { lazy, Suspense, useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { Branding } from '@/api/branding'
import { PageLoader } from '@/ui/feedback/states'
import { Brand } from '@/ui/layout/Brand'
import { setLanguage, signOut, type Self } from '../api'
import { HelpPage } from '../help/HelpPage'
import { HomePage } from '../home/HomePage'
import { Preferences } from '../ui/Preferences'
import classes from './shell.module.css'
import { go, pages, pathOf, usePage, type PageName } from './usePage'

const DevicesPage = lazy(() => import('../devices/DevicesPage').then((m) => ({ default: m.DevicesPage })))
const ConnectionsPage = lazy(() => import('../connections/ConnectionsPage').then((m) => ({ default: m.ConnectionsPage })))

const icons: Record<PageName, LucideIcon> = { '': House, devices: Smartphone, connections: Cable, help: LifeBuoy }
const words = { '': 'home', devices: 'devices', connections: 'connections', help: 'help' } as const

function Links() {
  const { t } = useTranslation()
  const page = usePage()
  return (
    <nav className={classes.nav} aria-label={t('portal.navigation')}>
      {pages.map((p) => {
        const Icon = icons[p]
        return (
          <a key={p} href={pathOf(p)} aria-current={p === page ? 'page' : undefined} onClick={(e) => { e.preventDefault(); go(p) }}>
            <Icon size={18} aria-hidden /><span>{t(`portal.page.${words[p]}`)}</span>
          </a>
        )
      })}
    </nav>
  )
}

export function Shell({ self, brand }: { self: Self; brand?: Branding }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const page = usePage()
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)
  useEffect(() => { // a reader is told that the page is another
    if (first.current) first.current = false
    else main.current?.focus()
  }, [page])
  const leave = () => signOut().finally(() => client.clear()).finally(() => window.location.assign(pathOf('')))
  return (
    <div className={classes.shell}>
      <header className={classes.header}>
        <div className={classes.bar}>
          <Brand title={brand?.title || 'Culvert'} logo={brand?.logo_url} />
          <Links />
          <Group gap={2} wrap="nowrap">
            <Preferences onLanguage={(l) => void setLanguage(l)} />
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label={t('portal.signOut')} title={t('portal.signOut')} onClick={() => void leave()}><LogOut size={18} aria-hidden /></ActionIcon>
          </Group>
        </div>
      </header>
      <main className={classes.main} ref={main} tabIndex={-1}>
        <Suspense fallback={<PageLoader />}>
          {page === '' && <HomePage self={self} />}
          {page === 'devices' && <DevicesPage />}
          {page === 'connections' && <ConnectionsPage />}
          {page === 'help' && <HelpPage brand={brand} />}
        </Suspense>
      </main>
    </div>
  )
}
