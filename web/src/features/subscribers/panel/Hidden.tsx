import { ActionIcon, Group, Text } from '@mantine/core'
import { Eye, EyeOff } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Copy } from '@/ui/data/Copy'

/** Hidden is a secret that is on the screen only while somebody wants to see it. */
export function Hidden({ value }: { value: string }) {
  const { t } = useTranslation()
  const [shown, setShown] = useState(false)
  return (
    <Group gap={4} wrap="nowrap" align="flex-start" mt={-4}>
      <Text span size="sm" ff="monospace" pt={4} style={{ overflowWrap: 'anywhere' }}>{shown ? value : '••••••••'}</Text>
      <ActionIcon variant="subtle" color="gray" aria-pressed={shown} aria-label={t('form.showPassword')} onClick={() => setShown(!shown)}>{shown ? <EyeOff size={16} aria-hidden /> : <Eye size={16} aria-hidden />}</ActionIcon>
      <Copy value={value} />
    </Group>
  )
}
