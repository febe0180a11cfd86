import '@/ui/styles'
import { createRoot } from 'react-dom/client'
import { firstLanguage, startI18n } from '@/i18n/setup'
import { shareNonce } from '@/ui/nonce'
import { UiProvider } from '@/ui/UiProvider'

shareNonce()

const root = document.getElementById('root')
if (!root) throw new Error('the page has no #root')

void startI18n(() => Promise.resolve({}), firstLanguage()).then(() => createRoot(root).render(<UiProvider accent="">{null}</UiProvider>))
