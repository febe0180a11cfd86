import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useMe } from '@/api/me'
import { mayVisit, navGroups } from './navItems'
import classes from './shell.module.css'

export function Nav() {
  const { t } = useTranslation()
  const me = useMe()
  return (
    <nav aria-label={t('app.navigation')} className={classes.nav}>
      {navGroups.map((g) => {
        const items = g.items.filter((i) => mayVisit(me, i))
        if (items.length === 0) return null
        return (
          <div key={g.key ?? ''} className={classes.group}>
            {g.key && <div className={classes.groupName}>{t(`app.group.${g.key}`)}</div>}
            {items.map(({ to, key, icon: Icon }) => (
              <Link key={to} to={to} className={classes.link} activeOptions={{ exact: to === '/', includeSearch: false }}>
                <Icon size={17} aria-hidden />
                {t(`app.page.${key}`)}
              </Link>
            ))}
          </div>
        )
      })}
    </nav>
  )
}
