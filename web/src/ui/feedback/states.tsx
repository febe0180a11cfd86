import { Alert, Button, Center, Group, Loader, Skeleton, Stack, Text, ThemeIcon } from '@mantine/core'
import { Inbox, TriangleAlert, type LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { asApiError } from '@/lib/problem'

/** Empty says what would be here, and how to make the first. */
export function Empty({ title, children, action, icon: Icon = Inbox, heading }: { heading?: boolean; title: string; children?: ReactNode; action?: ReactNode; icon?: LucideIcon }) {
  return (
    <Center py={48} px="md" mih={heading ? '70vh' : undefined}>
      <Stack align="center" gap="sm" maw={420}>
        <ThemeIcon size={48} radius="xl" variant="light"><Icon size={22} aria-hidden /></ThemeIcon>
        <Text fw={600} ta="center" component={heading ? 'h1' : 'p'} m={0}>{title}</Text>
        {children && <Text size="sm" c="dimmed" ta="center">{children}</Text>}
        {action}
      </Stack>
    </Center>
  )
}

/** Fault says what went wrong and offers another try. */
export function Fault({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation()
  const e = asApiError(error)
  const title = e.status === 0 ? t('common.offline') : e.status === 403 ? t('common.denied') : e.status === 404 ? t('common.notFound') : t('common.failed')
  return (
    <Alert color="red" variant="light" icon={<TriangleAlert size={18} aria-hidden />} title={title} my="md" role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{[e.message, ...e.fields.map((f) => `${f.field}: ${f.rule}`)].join('; ')}</Text>
        <Group gap="sm">
          {retry && <Button size="compact-sm" variant="default" onClick={retry}>{t('common.retry')}</Button>}
          {e.trace && <Text size="xs" c="dimmed">{e.trace}</Text>}
        </Group>
      </Stack>
    </Alert>
  )
}

export function Waiting({ rows = 4 }: { rows?: number }) {
  const { t } = useTranslation()
  return (
    <Stack gap="sm" py="md" aria-busy aria-label={t('common.loading')} role="status">
      {Array.from({ length: rows }, (_, i) => <Skeleton key={i} height={20} width={`${92 - ((i * 17) % 45)}%`} />)}
    </Stack>
  )
}

export function PageLoader() {
  const { t } = useTranslation()
  return <Center mih="50vh" role="status" aria-label={t('common.loading')}><Loader /></Center>
}

interface QueryLike<T> {
  data: T | undefined
  error: unknown
  isPending: boolean
  refetch: () => unknown
}

/** Loaded draws what a query found, or that it is on its way, or why it is not. */
export function Loaded<T>({ query, children, rows }: { query: QueryLike<T>; children: (data: T) => ReactNode; rows?: number }) {
  if (query.data !== undefined) return children(query.data)
  if (query.error) return <Fault error={query.error} retry={() => void query.refetch()} />
  return <Waiting rows={rows} />
}
