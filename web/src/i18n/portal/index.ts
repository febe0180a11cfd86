import type { Loader } from '../setup'

/** portalWords fetches the portal's words in one language. */
export const portalWords: Loader = async (language) => {
  switch (language) {
    case 'zh': return (await import('./zh')).default
    case 'ko': return (await import('./ko')).default
    case 'ru': return (await import('./ru')).default
    default: return (await import('./en')).default
  }
}
