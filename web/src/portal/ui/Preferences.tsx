import { ActionIcon, Group, NativeSelect, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { Moon, Sun } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { chooseLanguage } from '@/i18n/setup'
import { languages, nativeNames } from '@/lib/language'

/** Preferences are language and appearance, by the browser's own controls. */
export function Preferences({ onLanguage }: { onLanguage?: (language: string) => void }) {
  const { t, i18n } = useTranslation()
  const { setColorScheme } = useMantineColorScheme()
  const dark = useComputedColorScheme('light') === 'dark'
  const Icon = dark ? Sun : Moon
  return (
    <Group gap={4} wrap="nowrap">
      <NativeSelect size="xs" variant="unstyled" aria-label={t('common.language')} value={i18n.language} data={languages.map((l) => ({ value: l, label: nativeNames[l] }))}
        onChange={(e) => {
          const l = e.currentTarget.value
          void chooseLanguage(l).then(() => onLanguage?.(l))
        }} />
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`${t('common.appearance')}: ${t(dark ? 'common.scheme.light' : 'common.scheme.dark')}`} title={t(dark ? 'common.scheme.light' : 'common.scheme.dark')}
        onClick={() => setColorScheme(dark ? 'light' : 'dark')}><Icon size={18} aria-hidden /></ActionIcon>
    </Group>
  )
}
