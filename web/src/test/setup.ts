import { cleanup, configure } from '@testing-library/react'
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { afterEach, beforeAll } from 'vitest'
import en from '@/i18n/panel/en'

// What Mantine asks of a browser and jsdom does not have.
window.matchMedia ??= (query: string) =>
  ({ matches: false, media: query, onchange: null, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined, dispatchEvent: () => false }) as MediaQueryList
window.ResizeObserver ??= class {
  observe() { /* nothing changes size here */ }
  unobserve() { /* the same */ }
  disconnect() { /* the same */ }
}
window.HTMLElement.prototype.scrollIntoView = () => undefined

beforeAll(() => i18next.use(initReactI18next).init({ lng: 'en', resources: { en: { translation: en } }, interpolation: { escapeValue: false } }))
configure({ getElementError: (message) => new Error(message ?? '') })
afterEach(cleanup)
