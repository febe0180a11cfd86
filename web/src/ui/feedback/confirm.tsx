import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core'
import { createContext, useCallback, useContext, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { asApiError } from '@/lib/problem'

export interface Question {
  title: string
  /** What happens, in words. */
  body: ReactNode
  /** The word on the button: the deed, never "OK". */
  action: string
  danger?: boolean
  run: () => Promise<unknown>
}

const Ask = createContext<(q: Question) => void>(() => undefined)

/** useConfirm asks before something is done that is hard to undo; a failure is shown where the question was. */
export const useConfirm = () => useContext(Ask)

export function ConfirmProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation()
  const [question, setQuestion] = useState<Question>()
  const [open, setOpen] = useState(false)
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState('')

  const ask = useCallback((q: Question) => {
    setQuestion(q)
    setFault('')
    setOpen(true)
  }, [])
  const run = async () => {
    setBusy(true)
    setFault('')
    try {
      await question?.run()
      setOpen(false)
    } catch (e) {
      setFault(asApiError(e).message)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Ask value={ask}>
      {children}
      <Modal opened={open} onClose={() => !busy && setOpen(false)} title={<Text fw={650}>{question?.title}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
        <Stack gap="lg">
          <Text size="sm" component="div">{question?.body}</Text>
          {fault && <Alert color="red" variant="light">{fault}</Alert>}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setOpen(false)} disabled={busy}>{t('common.cancel')}</Button>
            <Button color={question?.danger ? 'red' : undefined} loading={busy} onClick={() => void run()} data-autofocus>{question?.action}</Button>
          </Group>
        </Stack>
      </Modal>
    </Ask>
  )
}
