import { PasswordInput, type PasswordInputProps } from '@mantine/core'
import { useTranslation } from 'react-i18next'

/** Password is a field whose content can be looked at. */
export function Password(p: PasswordInputProps) {
  const { t } = useTranslation()
  return <PasswordInput visibilityToggleButtonProps={{ 'aria-label': t('form.showPassword'), tabIndex: 0 }} aria-invalid={p.error ? true : undefined} {...p} />
}
