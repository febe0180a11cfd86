import { ActionIcon, CopyButton, Tooltip } from '@mantine/core'
import { Check, Copy as CopyIcon } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import classes from './pill.module.css'

export function Copy({ value, label }: { value: string; label?: string }) {
  const { t } = useTranslation()
  return (
    <CopyButton value={value} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? t('common.copied') : (label ?? t('common.copy'))}>
          <ActionIcon variant="subtle" color={copied ? 'teal' : 'gray'} onClick={copy} aria-label={label ?? t('common.copy')}>
            {copied ? <Check size={16} aria-hidden /> : <CopyIcon size={16} aria-hidden />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  )
}

/** CodeBlock is text to be copied whole. */
export function CodeBlock({ value, label }: { value: string; label?: string }) {
  return (
    <div className={classes.code}>
      <pre>{value}</pre>
      <Copy value={value} label={label} />
    </div>
  )
}
