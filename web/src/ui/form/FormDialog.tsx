import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { ApiForm } from './useApiForm'

interface Props {
  title: string
  opened: boolean
  onClose: () => void
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a dialog draws forms of any values
  of: Pick<ApiForm<any>, 'submit' | 'busy' | 'fault'>
  action: string
  size?: string | number
  danger?: boolean
  children: ReactNode
}

/** FormDialog is the frame of every form: fields, what the panel refused, and the deed. */
export function FormDialog({ title, opened, onClose, of, action, size = 'lg', danger, children }: Props) {
  const { t } = useTranslation()
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>{title}</Text>} size={size} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form onSubmit={of.submit} noValidate>
        <Stack gap="md">
          {of.fault && <Alert color="red" variant="light" role="alert">{of.fault}</Alert>}
          {children}
          <Group justify="flex-end" mt="xs">
            <Button variant="default" onClick={onClose} disabled={of.busy}>{t('common.cancel')}</Button>
            <Button type="submit" loading={of.busy} color={danger ? 'red' : undefined}>{action}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
