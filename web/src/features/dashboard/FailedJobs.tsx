import { Anchor, Group, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { StatusPill } from '@/ui/data/StatusPill'
import { Section } from '@/ui/layout/Section'

export function FailedJobs({ count }: { count: number }) {
  const { t } = useTranslation()
  return (
    <Section title={t('dashboard.jobs')} actions={count > 0 && <Anchor size="sm" renderRoot={(p) => <Link to="/jobs" search={{ state: 'failed' }} {...p} />}>{t('dashboard.showAll')}</Anchor>}>
      <Group gap="sm">
        {count > 0 ? <StatusPill tone="bad" label={t('dashboard.failed', { count })} /> : <StatusPill tone="ok" label={t('dashboard.noneFailed')} />}
        <Text size="sm" c="dimmed">{t('dashboard.in24')}</Text>
      </Group>
    </Section>
  )
}
