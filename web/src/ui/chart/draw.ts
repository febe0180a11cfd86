import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { formatBytes } from '@/lib/units'
import type { Point } from './TrafficChart'
import { tooltip } from './tooltip'

export interface Look {
  height: number
  step: 'hour' | 'day'
  language: string
  accent: string
  dark: boolean
  down: string
  up: string
}

/** Grid lines at round numbers of bytes, which here are powers of two. */
const steps = Array.from({ length: 6 }, (_, unit) => [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((n) => n * 1024 ** unit)).flat()

/** drawTraffic puts a chart into box, keeps it as wide as the box, and returns how to take it away. */
export function drawTraffic(box: HTMLElement, points: readonly Point[], look: Look): () => void {
  const soft = look.dark ? '#8b95a3' : '#5b6472'
  const line = look.dark ? '#2c3138' : '#e9ecf0'
  const font = '11.5px "Inter Variable", system-ui, sans-serif'
  const date = new Intl.DateTimeFormat(look.language, look.step === 'hour' ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short' })
  const axis = { stroke: soft, font, grid: { stroke: line, width: 1 }, ticks: { show: false } }
  const series = (label: string, color: string): uPlot.Series => ({ label, stroke: color, width: 2, fill: `${color}1c`, points: { show: points.length < 3 } })
  const chart = new uPlot(
    {
      width: box.clientWidth || 300, height: look.height, padding: [10, 26, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: { y: { range: (_u, _min, max) => [0, Math.max(max * 1.08, 1024)] } },
      axes: [
        { ...axis, grid: { show: false }, size: 30, space: 70, values: (_u, at) => at.map((s) => date.format(new Date(s * 1000))) },
        { ...axis, size: 68, space: 46, incrs: steps, values: (_u, at) => at.map((v) => formatBytes(v, look.language)) },
      ],
      series: [{}, series(look.down, look.accent), series(look.up, '#0f9f8f')],
      plugins: [tooltip(look)],
    },
    [points.map((p) => Date.parse(p.at) / 1000), points.map((p) => p.down), points.map((p) => p.up)],
    box,
  )
  const watch = new ResizeObserver(() => {
    if (box.clientWidth > 0) chart.setSize({ width: box.clientWidth, height: look.height })
  })
  watch.observe(box)
  return () => {
    watch.disconnect()
    chart.destroy()
  }
}
