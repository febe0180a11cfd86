import { Alert, Collapse, Group, Stack, Text, Title, UnstyledButton } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { ChevronDown, ChevronRight } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { protocolName } from '@/api/lookups'
import type { Endpoint, Subscriber } from '@/api/types'
import { CodeBlock } from '@/ui/data/Copy'
import { Facts } from '@/ui/data/Facts'
import { QrPicture } from '@/ui/data/QrPicture'
import { Loaded } from '@/ui/feedback/states'
import { credentialsQuery, endpointsQuery } from '../api/detail'
import { Hidden } from './Hidden'
import { Tokens } from './Tokens'

/** LinksTab is how this subscriber connects: subscription addresses, links for apps, and the secrets behind them. */
export function LinksTab({ subscriber: s }: { subscriber: Subscriber }) {
  const { t } = useTranslation()
  const endpoints = useQuery(endpointsQuery(s.id))
  const secrets = useQuery(credentialsQuery(s.id))
  return (
    <Stack gap="xl">
      <Tokens subscriber={s.id} />
      <div>
        <Title order={3} size="h6" mb="xs">{t('links.endpoints')}</Title>
        <Loaded query={endpoints}>
          {(list: Endpoint[]) => list.length === 0 ? <Text size="sm" c="dimmed">{t('links.noEndpoints')}</Text> : (
            <Stack gap="xs">{list.map((e) => (e.notice ? <Alert key={e.name} color="yellow" variant="light">{e.name}</Alert> : <EndpointRow key={e.ingress_id + (e.device ?? '') + e.uri} endpoint={e} />))}</Stack>
          )}
        </Loaded>
      </div>
      <div>
        <Title order={3} size="h6" mb="xs">{t('links.credentials')}</Title>
        <Loaded query={secrets}>
          {(c) => (
            <Facts
              of={[
                [t('subscribers.login'), c.login], [t('auth.password'), <Hidden key="p" value={c.password} />],
                ...Object.entries(c.secrets).map(([family, value]): [string, React.ReactNode] => [protocolName(family), <Hidden key={family} value={value} />]),
              ]}
            />
          )}
        </Loaded>
      </div>
    </Stack>
  )
}

function EndpointRow({ endpoint: e }: { endpoint: Endpoint }) {
  const { t } = useTranslation()
  const [open, toggle] = useDisclosure()
  return (
    <div style={{ border: '1px solid var(--c-line)', borderRadius: 8 }}>
      <UnstyledButton w="100%" p="sm" onClick={toggle.toggle} aria-expanded={open}>
        <Group gap="sm" wrap="nowrap">
          {open ? <ChevronDown size={16} aria-hidden /> : <ChevronRight size={16} aria-hidden />}
          <div style={{ minWidth: 0 }}>
            <Text size="sm" fw={550} truncate>{e.name}</Text>
            <Text size="xs" c="dimmed">{[protocolName(e.protocol), e.node, e.region].filter(Boolean).join(' · ')}</Text>
          </div>
        </Group>
      </UnstyledButton>
      <Collapse expanded={open}>
        <Stack p="sm" pt={0}>
          {e.qr && <QrPicture svg={e.qr} size={220} label={t('links.qr', { name: e.name })} />}
          <CodeBlock value={e.uri} />
        </Stack>
      </Collapse>
    </div>
  )
}
