import { useComputedColorScheme, useMantineTheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { filledShade } from '@/lib/color'
import { useWords } from '@/i18n/useWords'
import classes from './chart.module.css'
import { drawTraffic } from './draw'

export interface Point {
  at: string
  up: number
  down: number
}

/** TrafficChart draws bytes over time, and says the sums to those who do not see it. */
export function TrafficChart({ points, height = 240, step }: { points: readonly Point[]; height?: number; step: 'hour' | 'day' }) {
  const box = useRef<HTMLDivElement>(null)
  const { f, language } = useWords()
  const { t } = useTranslation()
  const scheme = useComputedColorScheme('light')
  const theme = useMantineTheme()
  const accent = theme.colors.accent?.[scheme === 'dark' ? 4 : filledShade] ?? '#2563eb'
  const up = points.reduce((n, p) => n + p.up, 0)
  const down = points.reduce((n, p) => n + p.down, 0)

  useEffect(() => {
    if (!box.current) return undefined
    return drawTraffic(box.current, points, { height, step, language, accent, dark: scheme === 'dark', down: t('traffic.down'), up: t('traffic.up') })
  }, [points, height, step, language, accent, scheme, t])

  return (
    <figure className={classes.figure}>
      <div className={classes.legend} aria-hidden>
        <span><i style={{ background: accent }} />{t('traffic.down')} <b>{f.bytes(down)}</b></span>
        <span><i style={{ background: '#0f9f8f' }} />{t('traffic.up')} <b>{f.bytes(up)}</b></span>
      </div>
      <div ref={box} role="img" aria-label={t('traffic.summary', { down: f.bytes(down), up: f.bytes(up) })} style={{ minHeight: height }} />
    </figure>
  )
}
