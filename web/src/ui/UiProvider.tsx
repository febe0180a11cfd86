import { MantineProvider, localStorageColorSchemeManager } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { useMemo, type ReactNode } from 'react'
import { ConfirmProvider } from './feedback/confirm'
import { pageNonce } from './nonce'
import { themeOf } from './theme'

const scheme = localStorageColorSchemeManager({ key: 'culvert.scheme' })

/** UiProvider is the design system around a page. */
export function UiProvider({ accent, children }: { accent: string; children: ReactNode }) {
  const theme = useMemo(() => themeOf(accent), [accent])
  return (
    <MantineProvider theme={theme} colorSchemeManager={scheme} defaultColorScheme="auto" getStyleNonce={pageNonce}>
      <Notifications position="bottom-right" limit={4} />
      <ConfirmProvider>{children}</ConfirmProvider>
    </MantineProvider>
  )
}
