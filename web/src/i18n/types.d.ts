import 'i18next'
import type panel from './panel/en'

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation'
    resources: { translation: typeof panel }
    returnNull: false
  }
}
