import { Button, Group, NativeSelect, SegmentedControl, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { ChevronDown, ChevronRight } from 'lucide-react'
import { lazy, Suspense, useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { QrPicture } from '@/ui/data/QrPicture'
import { Loaded, Waiting } from '@/ui/feedback/states'
import { Section } from '@/ui/layout/Section'
import { subscriptionQuery, type Subscription } from '../api'
import { Apps } from './Apps'
import { CopyField } from '../ui/CopyField'
import { platformOf, platforms, type Platform } from './platform'

const Endpoints = lazy(() => import('./Endpoints').then((m) => ({ default: m.Endpoints })))

const names: Record<Platform, string> = { android: 'Android', ios: 'iPhone, iPad', windows: 'Windows', macos: 'macOS', linux: 'Linux' }

const choices = platforms.map((p) => ({ value: p, label: names[p] }))

function Fold({ label, children }: { label: string; children: React.ReactNode }) {
  const [open, setOpen] = useState(false)
  const id = useId()
  return (
    <div>
      <Button variant="subtle" size="compact-sm" px={4} h="auto" maw="100%" styles={{ label: { whiteSpace: 'normal', textAlign: 'left' } }} aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}
        leftSection={open ? <ChevronDown size={16} aria-hidden /> : <ChevronRight size={16} aria-hidden />}>{label}</Button>
      <div id={id} hidden={!open}>{open && children}</div>
    </div>
  )
}

function Ways({ subscription: s }: { subscription: Subscription }) {
  const { t } = useTranslation()
  const [platform, setPlatform] = useState(() => platformOf(navigator.userAgent, navigator.maxTouchPoints))
  const mobile = platform === 'android' || platform === 'ios'
  return (
    <Stack gap="md">
      <SegmentedControl visibleFrom="sm" value={platform} onChange={(v) => setPlatform(v as Platform)} data={choices} aria-label={t('portal.platform')} fullWidth />
      <NativeSelect hiddenFrom="sm" value={platform} onChange={(e) => setPlatform(e.currentTarget.value as Platform)} data={choices} label={t('portal.platform')} />
      <Group align="flex-start" gap="xl" wrap="wrap">
        <Stack gap="md" flex={1} miw={260}>
          <Apps platform={platform} links={s.links} />
        </Stack>
        <Stack gap={6} align="center" visibleFrom={mobile ? 'sm' : undefined}>
          <QrPicture svg={s.qr} label={t('portal.qrOfSubscription')} size={168} />
          <Text size="xs" c="dimmed" maw={200} ta="center">{t('portal.scan')}</Text>
        </Stack>
      </Group>
      <Stack gap={4}>
        <Text size="sm" fw={550}>{t('portal.address')}</Text>
        <CopyField value={s.url} label={t('portal.copyAddress')} />
        <Text size="xs" c="dimmed">{t('portal.addressHint')}</Text>
      </Stack>
      <Fold label={t('portal.single')}><Suspense fallback={<Waiting rows={3} />}><Endpoints /></Suspense></Fold>
    </Stack>
  )
}

/** Connect leads from nothing to connected: the app for this device, opened with everything filled in. */
export function Connect() {
  const { t } = useTranslation()
  const subscription = useQuery(subscriptionQuery)
  return (
    <Section title={t('portal.connect')} hint={t('portal.connectHint')}>
      <Loaded query={subscription}>{(s) => <Ways subscription={s} />}</Loaded>
    </Section>
  )
}
