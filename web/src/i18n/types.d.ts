import 'i18next'
import type panel from './panel/en'
import type portal from './portal/en'

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'translation'
    resources: { translation: typeof panel & typeof portal }
    returnNull: false
  }
}
