import { Button, Input } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'

/** ByPlan stands in the place of a limit until it is to differ from the plan's. */
export function ByPlan({ label, creating, own, set, children }: { label: string; creating?: boolean; own: boolean; set: (on: boolean) => void; children: ReactNode }) {
  const { t } = useTranslation()
  if (!creating || own) return children
  return (
    <Input.Wrapper label={label} labelElement="div">
      <Button variant="default" fullWidth justify="space-between" fw={400} onClick={() => set(true)} rightSection={<span>{t('subscribers.change')}</span>} aria-label={`${label}: ${t('subscribers.change')}`}>
        {t('subscribers.byPlan')}
      </Button>
    </Input.Wrapper>
  )
}
