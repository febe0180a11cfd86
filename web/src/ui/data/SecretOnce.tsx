import { Alert, Stack, Text } from '@mantine/core'
import { KeyRound } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { CodeBlock } from './Copy'

/** SecretOnce shows what cannot be shown again, and says so. */
export function SecretOnce({ items, note }: { items: [name: string, value: string][]; note?: string }) {
  const { t } = useTranslation()
  return (
    <Stack gap="md">
      <Alert icon={<KeyRound size={18} aria-hidden />} color="yellow" variant="light">{note ?? t('common.shownOnce')}</Alert>
      {items.map(([name, value]) => (
        <Stack gap={4} key={name}>
          <Text size="sm" fw={550}>{name}</Text>
          <CodeBlock value={value} />
        </Stack>
      ))}
    </Stack>
  )
}
