import { Group, Text } from '@mantine/core'
import icon from '../icon.svg'

/** Brand is the reseller's own sign, or ours. */
export function Brand({ title, logo, size = 28 }: { title: string; logo?: string; size?: number }) {
  return (
    <Group gap={10} wrap="nowrap" miw={0}>
      <img src={logo || icon} alt="" height={size} style={{ maxWidth: 140, objectFit: 'contain', borderRadius: 6 }} />
      <Text fw={700} size="md" truncate>{title}</Text>
    </Group>
  )
}
