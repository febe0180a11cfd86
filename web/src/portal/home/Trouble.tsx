import { Alert, Button, Group, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { TriangleAlert } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { diagnosisQuery } from '../api'
import { go } from '../app/usePage'
import { useFinding } from '../help/words'

/** Trouble stands above everything while nothing connects. */
export function Trouble() {
  const { t } = useTranslation()
  const words = useFinding()
  const first = useQuery(diagnosisQuery).data?.find((x) => x.blocking)
  if (!first) return null
  const { title, advice } = words(first)
  return (
    <Alert color="red" variant="light" icon={<TriangleAlert size={18} aria-hidden />} title={title} role="alert">
      <Group justify="space-between" gap="sm">
        <Text size="sm">{advice}</Text>
        <Button size="compact-sm" variant="default" onClick={() => go('help')}>{t('portal.more')}</Button>
      </Group>
    </Alert>
  )
}
