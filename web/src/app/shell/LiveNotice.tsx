import { WifiOff } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLiveUp } from '@/api/live'
import classes from './shell.module.css'

/** LiveNotice says when what is shown may be old. A short break is nobody's business. */
export function LiveNotice() {
  const { t } = useTranslation()
  const down = useLiveUp() === false
  const [shown, setShown] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setShown(down), down ? 8000 : 0)
    return () => clearTimeout(timer)
  }, [down])
  return <div role="status">{shown && <div className={classes.notice}><WifiOff size={15} aria-hidden />{t('app.liveDown')}</div>}</div>
}
