import { Center, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, type ReactNode } from 'react'
import { brandingQuery } from '@/api/branding'
import { Brand } from '@/ui/layout/Brand'
import { LanguageMenu, SchemeMenu } from '@/ui/layout/Preferences'

/** Frame is around what is shown to those who are not in yet. */
export function Frame({ title, hint, realm, children }: { title: string; hint?: string; realm?: string; children: ReactNode }) {
  const { data } = useQuery(brandingQuery(realm))
  const brand = data?.title || 'Culvert'
  useEffect(() => {
    document.title = `${title} · ${brand}`
  }, [title, brand])
  return (
    <Center mih="100dvh" p="md" component="main">
      <Stack w="100%" maw={400} gap="lg">
        <Group justify="space-between" wrap="nowrap">
          <Brand title={brand} logo={data?.logo_url} size={32} />
          <Group gap={2} wrap="nowrap"><LanguageMenu /><SchemeMenu /></Group>
        </Group>
        <Paper withBorder radius="lg" p={{ base: 'lg', xs: 28 }}>
          <Title order={1} size="h3" mb={hint ? 4 : 'lg'}>{title}</Title>
          {hint && <Text size="sm" c="dimmed" mb="lg">{hint}</Text>}
          {children}
        </Paper>
      </Stack>
    </Center>
  )
}
