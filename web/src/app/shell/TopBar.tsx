import { Group, Kbd, UnstyledButton } from '@mantine/core'
import { Search } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { LanguageMenu, SchemeMenu } from '@/ui/layout/Preferences'
import { AccountMenu } from './AccountMenu'
import classes from './shell.module.css'

export function TopBar({ onPalette }: { onPalette: () => void }) {
  const { t } = useTranslation()
  return (
    <Group gap={6} wrap="nowrap" ml="auto" className={classes.top}>
      <UnstyledButton className={classes.search} onClick={onPalette} aria-keyshortcuts="Control+K Meta+K">
        <Search size={16} aria-hidden />
        <span className={classes.searchWord}>{t('palette.hint')}</span>
        <Kbd size="xs" className={classes.searchWord}>Ctrl K</Kbd>
      </UnstyledButton>
      <LanguageMenu />
      <SchemeMenu />
      <AccountMenu />
    </Group>
  )
}
