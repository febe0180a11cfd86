import { Text } from '@mantine/core'

const size = 116
const width = 11
const radius = (size - width) / 2
const length = 2 * Math.PI * radius

/** Ring is a share as a circle. The words beside it say the same, so readers skip it. */
export function Ring({ share, color, label }: { share: number; color: string; label: string }) {
  const circle = { cx: size / 2, cy: size / 2, r: radius, fill: 'none', strokeWidth: width }
  return (
    <div style={{ position: 'relative', width: size, height: size, flex: 'none' }} aria-hidden>
      <svg width={size} height={size} style={{ transform: 'rotate(-90deg)' }}>
        <circle {...circle} stroke="var(--c-mute-soft)" />
        {share > 0 && <circle {...circle} stroke={color} strokeLinecap="round" strokeDasharray={`${Math.max(share * length, 0.1)} ${length}`} />}
      </svg>
      <Text fw={700} size="lg" className="tnum" style={{ position: 'absolute', inset: 0, display: 'grid', placeItems: 'center' }}>{label}</Text>
    </div>
  )
}
