import { Button } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { Check, Copy } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import classes from './copy.module.css'

/** CopyField is a text to be taken along whole. */
export function CopyField({ value, label }: { value: string; label: string }) {
  const { t } = useTranslation()
  const clip = useClipboard({ timeout: 1500 })
  return (
    <div className={classes.field}>
      <code>{value}</code>
      <Button size="compact-sm" variant="default" aria-label={label} onClick={() => clip.copy(value)} leftSection={clip.copied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}>
        {clip.copied ? t('common.copied') : t('common.copy')}
      </Button>
    </div>
  )
}
