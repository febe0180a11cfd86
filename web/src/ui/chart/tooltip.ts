import type uPlot from 'uplot'
import { formatBytes } from '@/lib/units'
import classes from './chart.module.css'
import type { Look } from './draw'

/** tooltip shows the values under the pointer. */
export function tooltip(look: Look): uPlot.Plugin {
  const box = document.createElement('div')
  box.className = classes.tooltip ?? ''
  box.hidden = true
  const date = new Intl.DateTimeFormat(look.language, look.step === 'hour' ? { dateStyle: 'medium', timeStyle: 'short' } : { dateStyle: 'medium' })
  return {
    hooks: {
      init: (u) => u.over.append(box),
      setCursor: (u) => {
        const i = u.cursor.idx
        const at = i == null ? undefined : u.data[0][i]
        box.hidden = at === undefined
        if (i == null || at === undefined) return
        const value = (s: number) => formatBytes(u.data[s]?.[i] ?? 0, look.language)
        box.replaceChildren(...[date.format(new Date(at * 1000)), `${look.down}: ${value(1)}`, `${look.up}: ${value(2)}`].map((text) => {
          const row = document.createElement('div')
          row.textContent = text
          return row
        }))
        const left = u.cursor.left ?? 0
        const width = box.offsetWidth
        box.style.transform = `translate(${Math.min(Math.max(0, left - width / 2), u.over.clientWidth - width)}px, 4px)`
      },
    },
  }
}
