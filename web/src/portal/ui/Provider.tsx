import { MantineProvider, localStorageColorSchemeManager } from '@mantine/core'
import { useMemo, type ReactNode } from 'react'
import { pageNonce } from '@/ui/nonce'
import { themeOf } from '@/ui/theme'

const scheme = localStorageColorSchemeManager({ key: 'culvert.scheme' })

/** Provider is the design system without what the first page does not need: phones on slow lines load this. */
export function Provider({ accent, children }: { accent: string; children: ReactNode }) {
  const theme = useMemo(() => themeOf(accent), [accent])
  return <MantineProvider theme={theme} colorSchemeManager={scheme} defaultColorScheme="auto" getStyleNonce={pageNonce}>{children}</MantineProvider>
}
