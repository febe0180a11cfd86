import { Alert, Button, Center, Group, Paper, Stack, Text, TextInput, Title } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import type { Branding } from '@/api/branding'
import { asApiError } from '@/lib/problem'
import { Password } from '@/ui/form/PasswordFields'
import { Brand } from '@/ui/layout/Brand'
import { signIn } from '../api'
import { Support } from '../help/Support'
import { Preferences } from '../ui/Preferences'

interface Props {
  brand?: Branding
  realm: string
  stale: boolean // a sign-in link that opens nothing any more brought them here
  enter: () => Promise<unknown>
}

export function SignIn({ brand, realm, stale, enter }: Props) {
  const { t } = useTranslation()
  const [login, setLogin] = useState('')
  const [password, setPassword] = useState('')
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState(stale ? t('portal.staleLink') : '')

  const send = async (e: FormEvent) => {
    e.preventDefault()
    setBusy(true)
    setFault('')
    try {
      await signIn(login.trim(), password, login.includes('@') ? '' : (brand?.realm ?? realm))
      await enter()
    } catch (caught) {
      const p = asApiError(caught)
      setFault(p.status === 401 ? t('portal.wrong') : p.status === 429 ? t('portal.throttled', { count: p.retryAfter || 60 }) : p.message)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Center mih="100dvh" p="md" component="main">
      <Stack w="100%" maw={400} gap="lg">
        <Group justify="space-between" wrap="nowrap">
          <Brand title={brand?.title || 'Culvert'} logo={brand?.logo_url} size={32} />
          <Preferences />
        </Group>
        <Paper withBorder radius="lg" p={{ base: 'lg', xs: 28 }}>
          <Title order={1} size="h3" mb={4}>{t('portal.signIn')}</Title>
          <Text size="sm" c="dimmed" mb="lg">{t('portal.signInHint')}</Text>
          <form onSubmit={(e) => void send(e)} noValidate>
            <Stack gap="md">
              {fault && <Alert color="red" variant="light" role="alert">{fault}</Alert>}
              <TextInput label={t('portal.login')} autoComplete="username" autoCapitalize="none" spellCheck={false} autoFocus value={login} onChange={(e) => setLogin(e.currentTarget.value)} />
              <Password label={t('portal.password')} autoComplete="current-password" value={password} onChange={(e) => setPassword(e.currentTarget.value)} />
              <Button type="submit" loading={busy} disabled={!login.trim() || !password} fullWidth mt="xs">{t('portal.signIn')}</Button>
            </Stack>
          </form>
        </Paper>
        <Support brand={brand} />
      </Stack>
    </Center>
  )
}
