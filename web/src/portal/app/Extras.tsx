import { Notifications } from '@mantine/notifications'
import type { ReactNode } from 'react'
import { ConfirmProvider } from '@/ui/feedback/confirm'

/** Extras are what pages need that change something: questions, and word of what was done. They come with those pages. */
export function Extras({ children }: { children: ReactNode }) {
  return (
    <>
      <Notifications position="bottom-right" limit={4} />
      <ConfirmProvider>{children}</ConfirmProvider>
    </>
  )
}
