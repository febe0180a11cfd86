import { Select, type SelectProps } from '@mantine/core'
import { useTranslation } from 'react-i18next'

export const resets = ['never', 'daily', 'weekly', 'monthly', 'anniversary'] as const

/** ResetSelect is when the traffic begins anew. */
export function ResetSelect(p: SelectProps) {
  const { t } = useTranslation()
  return <Select label={t('form.reset')} data={resets.map((value) => ({ value, label: t(`reset.${value}`) }))} {...p} />
}
