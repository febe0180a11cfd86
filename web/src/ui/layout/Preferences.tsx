import { ActionIcon, Menu, useMantineColorScheme } from '@mantine/core'
import { Check, Languages, Monitor, Moon, Sun } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { chooseLanguage } from '@/i18n/setup'
import { languages, nativeNames } from '@/lib/language'

export function LanguageMenu({ onChoose }: { onChoose?: (language: string) => void }) {
  const { t, i18n } = useTranslation()
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon title={t('common.language')} variant="subtle" color="gray" size="lg" aria-label={t('common.language')}><Languages size={18} aria-hidden /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {languages.map((l) => (
          <Menu.Item key={l} lang={l} rightSection={l === i18n.language && <Check size={14} aria-hidden />} onClick={() => void chooseLanguage(l).then(() => onChoose?.(l))}>{nativeNames[l]}</Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

const schemes = [['light', Sun], ['dark', Moon], ['auto', Monitor]] as const

export function SchemeMenu() {
  const { t } = useTranslation()
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const Icon = schemes.find(([s]) => s === colorScheme)?.[1] ?? Monitor
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon title={t('common.appearance')} variant="subtle" color="gray" size="lg" aria-label={t('common.appearance')}><Icon size={18} aria-hidden /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map(([s, I]) => (
          <Menu.Item key={s} leftSection={<I size={15} aria-hidden />} rightSection={s === colorScheme && <Check size={14} aria-hidden />} onClick={() => setColorScheme(s)}>{t(`common.scheme.${s}`)}</Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
