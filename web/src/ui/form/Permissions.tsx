import { Input, SegmentedControl } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import classes from './permissions.module.css'

export const resources = ['subscriber', 'plan', 'usage', 'session', 'secret', 'node', 'network', 'tenant', 'login', 'access_key', 'audit', 'setting'] as const

const levelOf = (granted: readonly string[], resource: string) =>
  granted.includes('*:*') || granted.includes(`${resource}:*`) || granted.includes(`${resource}:write`) ? 'write' : granted.includes(`${resource}:read`) ? 'read' : ''

/** Permissions gives nothing, reading or everything of each kind of thing. */
export function Permissions({ value, onChange, error, allowed }: { value: string[]; onChange: (v: string[]) => void; error?: React.ReactNode; allowed: (permission: string) => boolean }) {
  const { t } = useTranslation()
  const set = (resource: string, level: string) => onChange([...value.filter((p) => !p.startsWith(`${resource}:`)), ...(level ? [`${resource}:${level === 'write' ? '*' : 'read'}`] : [])])
  return (
    <Input.Wrapper label={t('permissions.title')} labelElement="div" error={error}>
      <div className={classes.grid}>
        {resources.filter((r) => allowed(`${r}:read`)).map((r) => (
          <div key={r} className={classes.row}>
            <span>{t(`permissions.${r}`)}</span>
            <SegmentedControl
              size="xs" aria-label={t(`permissions.${r}`)} value={levelOf(value, r)} onChange={(v) => set(r, v)}
              data={[{ value: '', label: t('permissions.none') }, { value: 'read', label: t('permissions.read') }, { value: 'write', label: t('permissions.write'), disabled: !allowed(`${r}:write`) }]}
            />
          </div>
        ))}
      </div>
    </Input.Wrapper>
  )
}
