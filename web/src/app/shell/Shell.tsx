import { AppShell, Burger, Group } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Outlet, useLocation, useMatches } from '@tanstack/react-router'
import { Suspense, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { useLiveFeed } from '@/api/live'
import { useMe } from '@/api/me'
import { allows } from '@/lib/permissions'
import { PageLoader } from '@/ui/feedback/states'
import { Denied } from '../NotFound'
import { Palette, usePalette } from '../palette/Palette'
import { BrandMark } from './BrandMark'
import { LiveNotice } from './LiveNotice'
import { Nav } from './Nav'
import classes from './shell.module.css'
import { topicsOf } from './topics'
import { TopBar } from './TopBar'

/** Shell is what stays while pages come and go: navigation, palette, and the one stream of live changes. */
export function Shell() {
  const { t } = useTranslation()
  const me = useMe()
  const [open, menu] = useDisclosure()
  const { close } = menu
  const palette = usePalette()
  const { pathname } = useLocation()
  useLiveFeed(me.id, topicsOf(me))
  useEffect(() => close(), [pathname, close])
  const need = useMatches({ select: (m) => m.at(-1)?.staticData })
  const allowed = (!need?.need || allows(me.permissions, need.need)) && (!need?.operator || me.operator)

  return (
    <AppShell layout="alt" header={{ height: 56 }} navbar={{ width: 236, breakpoint: 'sm', collapsed: { mobile: !open } }}>
      <a href="#main" className={classes.skip}>{t('app.skip')}</a>
      <AppShell.Header className={classes.header}>
        <Group gap="sm" wrap="nowrap" hiddenFrom="sm" miw={0}>
          <Burger opened={open} onClick={menu.toggle} size="sm" aria-label={t('app.menu')} />
          <BrandMark />
        </Group>
        <TopBar onPalette={palette.open} />
      </AppShell.Header>
      <AppShell.Navbar className={classes.navbar}>
        <Group className={classes.brand} justify="space-between" wrap="nowrap">
          <BrandMark />
          <Burger opened onClick={menu.close} size="sm" hiddenFrom="sm" aria-label={t('app.closeMenu')} />
        </Group>
        <Nav />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
        <LiveNotice />
        <Suspense fallback={<PageLoader />}>{allowed ? <Outlet /> : <Denied />}</Suspense>
      </AppShell.Main>
      <Palette {...palette} />
    </AppShell>
  )
}
