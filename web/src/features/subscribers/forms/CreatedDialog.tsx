import { Button, Group, Modal, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { SecretOnce } from '@/ui/data/SecretOnce'

/** CreatedDialog hands over what the customer signs in with. */
export function CreatedDialog({ name, password, onClose }: { name: string; password: string; onClose: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>{t('subscribers.createdTitle', { name })}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <SecretOnce note={t('subscribers.createdNote')} items={[[t('subscribers.login'), name], [t('auth.password'), password]]} />
      <Group justify="flex-end" mt="lg"><Button onClick={onClose}>{t('subscribers.openPanel')}</Button></Group>
    </Modal>
  )
}
