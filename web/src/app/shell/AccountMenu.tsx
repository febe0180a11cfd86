import { Avatar, Menu, Text, UnstyledButton } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { LogOut, UserRound } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { useMe } from '@/api/me'
import { signOut } from './signOut'

export function AccountMenu() {
  const { t } = useTranslation()
  const client = useQueryClient()
  const me = useMe()
  const tenant = me.tenant_name
  return (
    <Menu width={220}>
      <Menu.Target>
        <UnstyledButton aria-label={t('app.account', { name: me.name })}><Avatar size={32} radius="xl" color="accent"><UserRound size={17} aria-hidden /></Avatar></UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--mantine-color-text)">{me.name}</Text>
          {tenant && <Text size="xs">{tenant}</Text>}
        </Menu.Label>
        <Menu.Item renderRoot={(p) => <Link to="/account" {...p} />} leftSection={<UserRound size={15} aria-hidden />}>{t('app.page.account')}</Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<LogOut size={15} aria-hidden />} onClick={() => void signOut(client)}>{t('app.signOut')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
