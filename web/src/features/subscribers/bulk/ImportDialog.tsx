import { Alert, Button, FileInput, Group, Modal, Stack, Text } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { FileSpreadsheet } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { raw } from '@/api/client'
import { download } from '@/lib/download'
import { asApiError } from '@/lib/problem'
import { CodeBlock } from '@/ui/data/Copy'

const template = 'name,plan,email,full_name,password,expires_at\nann,gold,ann@example.com,Ann Example,,2027-01-31\n'

interface Answer {
  rows: number
  created: number
  faults: { line: number; column: string; rule: string }[]
  fault_count: number
  items: { line: number; name: string; password?: string }[]
}

const send = async (file: File, dry: boolean) => {
  const r = await raw(`/subscribers/import${dry ? '?dry_run=true' : ''}`, { method: 'POST', body: file, headers: { 'Content-Type': 'text/csv' } })
  return (await r.json()) as Answer
}

/** ImportDialog checks a file first: every fault with its line, and nothing is made while there is one. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [file, setFile] = useState<File | null>(null)
  const check = useMutation({ mutationFn: (f: File) => send(f, true) })
  const make = useMutation({ mutationFn: (f: File) => send(f, false), onSuccess: () => client.invalidateQueries({ queryKey: ['subscribers'] }) })
  const fault = make.error ?? check.error
  const e = fault ? asApiError(fault) : undefined
  const passwords = (make.data?.items ?? []).filter((x) => x.password)
  const faults = check.data?.faults ?? []
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={650}>{t('csv.import')}</Text>} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        {make.data ? (
          <>
            <Alert color="teal" variant="light" role="status">{t('csv.made', { count: make.data.created })}</Alert>
            {passwords.length > 0 && <Button variant="default" style={{ alignSelf: 'flex-start' }} onClick={() => download('passwords.csv', new Blob([`name,password\n${passwords.map((p) => `${p.name},${p.password}`).join('\n')}\n`], { type: 'text/csv' }))}>{t('csv.passwords')}</Button>}
            <Group justify="flex-end"><Button onClick={onClose}>{t('common.close')}</Button></Group>
          </>
        ) : (
          <>
            <Text size="sm">{t('csv.importHint')}</Text>
            <CodeBlock value={template} label={t('csv.template')} />
            <FileInput label={t('csv.file')} accept=".csv,text/csv" leftSection={<FileSpreadsheet size={16} aria-hidden />} value={file} clearable onChange={(v) => { setFile(v); check.reset(); make.reset(); if (v) check.mutate(v) }} />
            {e && (
              <Alert color="red" variant="light" role="alert" title={e.message}>
                {e.fields.slice(0, 30).map((x) => <div key={x.field + x.rule}>{x.field}: {x.rule}</div>)}
              </Alert>
            )}
            {faults.length > 0 && (
              <Alert color="red" variant="light" role="alert">
                {faults.slice(0, 30).map((x) => <div key={`${x.line} ${x.column} ${x.rule}`}>{x.line} · {x.column}: {x.rule}</div>)}
              </Alert>
            )}
            {check.data && faults.length === 0 && !e && <Alert color="teal" variant="light" role="status">{t('csv.good', { count: check.data.rows })}</Alert>}
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>{t('common.cancel')}</Button>
              <Button disabled={!file || !check.data || faults.length > 0} loading={make.isPending || check.isPending} onClick={() => file && make.mutate(file)}>{t('csv.importAction')}</Button>
            </Group>
          </>
        )}
      </Stack>
    </Modal>
  )
}
