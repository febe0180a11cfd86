import { Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useMe } from '@/api/me'
import { Loaded } from '@/ui/feedback/states'
import { Page } from '@/ui/layout/Page'
import { ownBrandingQuery, settingQuery } from './api'
import { BrandingForm } from './BrandingForm'
import { ProfileSettings } from './ProfileSettings'
import { settingsTabs } from './search'

const route = getRouteApi('/shell/settings')

export function SettingsPage() {
  const { t } = useTranslation()
  const { tab = 'branding' } = route.useSearch()
  const navigate = useNavigate({ from: '/settings' })
  const me = useMe()
  const branding = useQuery(ownBrandingQuery(me.tenant))
  const setting = useQuery(settingQuery)
  return (
    <Page title={t('app.page.settings')}>
      <Tabs value={tab} onChange={(v) => void navigate({ search: v === 'branding' ? {} : { tab: v as 'profiles' } })}>
        <Tabs.List mb="lg">{settingsTabs.map((x) => <Tabs.Tab key={x} value={x}>{t(`settings.tabs.${x}`)}</Tabs.Tab>)}</Tabs.List>
        <Tabs.Panel value="branding"><Loaded query={branding}>{(b) => <BrandingForm key={b.version} branding={b} />}</Loaded></Tabs.Panel>
        <Tabs.Panel value="profiles"><Loaded query={setting}>{(s) => <ProfileSettings key={s.version} setting={s} />}</Loaded></Tabs.Panel>
      </Tabs>
    </Page>
  )
}
