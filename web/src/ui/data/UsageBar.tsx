import { useTranslation } from 'react-i18next'
import { useWords } from '@/i18n/useWords'
import classes from './pill.module.css'

/** UsageBar shows what is used of a limit: amber from 80 %, red from 95 %. A negative limit is none. */
export function UsageBar({ used, limit, wide }: { used: number; limit: number; wide?: boolean }) {
  const { f } = useWords()
  const { t } = useTranslation()
  const share = limit > 0 ? Math.min(1, used / limit) : limit === 0 ? 1 : 0
  const tone = share >= 0.95 ? 'bad' : share >= 0.8 ? 'warn' : undefined
  const of = limit < 0 ? '∞' : f.bytes(limit)
  const text = limit < 0 ? t('common.usedUnlimited', { used: f.bytes(used) }) : t('common.usedOf', { used: f.bytes(used), limit: of })
  return (
    <div className={classes.usage} role="img" aria-label={text}>
      <div className={classes.usageText}>
        <span>{f.bytes(used)}{wide ? ` / ${of}` : ''}</span>
        <span style={{ color: 'var(--c-soft)' }}>{wide ? (limit > 0 ? f.percent(used / limit) : '') : of}</span>
      </div>
      {limit >= 0 && <div className={classes.track}><div className={classes.fill} data-tone={tone} style={{ width: `${share * 100}%` }} /></div>}
    </div>
  )
}
