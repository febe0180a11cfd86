import { Alert, Button, Group, Loader, Modal, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { CircleCheck } from 'lucide-react'
import { useWords } from '@/i18n/useWords'
import type { EnrolToken, Node } from '@/api/types'
import { CodeBlock } from '@/ui/data/Copy'
import { nodeQuery } from './api'

/** EnrolDialog shows the line that makes a machine a node, and sees it arrive. */
export function EnrolDialog({ node, token, onClose }: { node: Node; token: EnrolToken; onClose: () => void }) {
  const { t, f } = useWords()
  const navigate = useNavigate()
  const now = useQuery({ ...nodeQuery(node.id), refetchInterval: (q) => (q.state.data?.online ? false : 2000) }).data
  const there = now?.online === true && now.status === 'active'
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>{t('nodes.connect', { name: node.name })}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        <Text size="sm">{t('nodes.connectHint')}</Text>
        <CodeBlock value={token.command} label={t('nodes.copyCommand')} />
        <Text size="xs" c="dimmed">{t('nodes.tokenUntil', { time: f.dateTime(token.expires_at) })}</Text>
        {token.warnings.map((w) => <Alert key={w} color="yellow" variant="light">{w}</Alert>)}
        <div role="status">
          {there
            ? <Alert color="teal" variant="light" icon={<CircleCheck size={18} aria-hidden />} title={t('nodes.connected')}>{t('nodes.connectedHint', { version: now.agent_version })}</Alert>
            : <Group gap="sm" py="xs"><Loader size="xs" aria-hidden /><Text size="sm" fw={550}>{t('nodes.waiting')}</Text></Group>}
        </div>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>{t('common.close')}</Button>
          {there && <Button onClick={() => void navigate({ to: '/nodes/$id', params: { id: node.id } })}>{t('nodes.addService')}</Button>}
        </Group>
      </Stack>
    </Modal>
  )
}
