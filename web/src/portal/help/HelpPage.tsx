import { Button, Group, Stack, Text, ThemeIcon, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { CircleCheck, Info, RefreshCw, TriangleAlert } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Branding } from '@/api/branding'
import { Loaded } from '@/ui/feedback/states'
import { Section } from '@/ui/layout/Section'
import { diagnosisQuery, type Finding } from '../api'
import { Support } from './Support'
import { useFinding } from './words'

const look = (x: Finding) => (x.code === 'ok' ? (['teal', CircleCheck] as const) : x.blocking ? (['red', TriangleAlert] as const) : (['yellow', Info] as const))

/** HelpPage answers "why can't I connect" in words, from what the panel knows now. */
export function HelpPage({ brand }: { brand?: Branding }) {
  const { t } = useTranslation()
  const words = useFinding()
  const query = useQuery(diagnosisQuery)
  return (
    <Stack gap="md">
      <Title order={1} size="h3">{t('portal.page.help')}</Title>
      <Section title={t('portal.why')} hint={t('portal.whyHint')}
        actions={<Button variant="default" size="compact-sm" flex="none" leftSection={<RefreshCw size={14} aria-hidden />} loading={query.isFetching} onClick={() => void query.refetch()}>{t('portal.again')}</Button>}>
        <Loaded query={query}>
          {(found) => (
            <Stack gap="md" aria-live="polite">
              {found.map((x, i) => {
                const [color, Icon] = look(x)
                const { title, advice } = words(x)
                return (
                  <Group key={`${x.code}${i}`} gap="md" wrap="nowrap" align="flex-start">
                    <ThemeIcon color={color} variant="light" radius="xl" size="lg"><Icon size={18} aria-hidden /></ThemeIcon>
                    <div>
                      <Text fw={600}>{title}</Text>
                      <Text size="sm" c="dimmed">{advice}</Text>
                    </div>
                  </Group>
                )
              })}
            </Stack>
          )}
        </Loaded>
      </Section>
      <Section title={t('portal.stillNot')}>
        <Stack gap={6} component="ol" m={0} pl={20} style={{ fontSize: 14 }}>
          <li>{t('portal.try.refresh')}</li>
          <li>{t('portal.try.other')}</li>
          <li>{t('portal.try.clock')}</li>
        </Stack>
        {(brand?.support_url || brand?.support_email) && <Stack mt="md" align="flex-start"><Support brand={brand} /></Stack>}
      </Section>
    </Stack>
  )
}
