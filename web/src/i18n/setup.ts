import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { bestLanguage, isLanguage, type Language } from '@/lib/language'
import { remember, remembered } from '@/lib/storage'

export type Loader = (language: Language) => Promise<object>

let load: Loader | undefined

/** The language of a first visit: what was chosen here before, else what the browser asks for, else the reseller's. */
export const firstLanguage = (brandLanguage = '') => bestLanguage([remembered('language'), ...navigator.languages, brandLanguage])

/** startI18n loads one language; the others come when they are chosen. All are complete, so none falls back to another. */
export async function startI18n(loader: Loader, language: Language): Promise<void> {
  load = loader
  await i18next.use(initReactI18next).init({
    lng: language,
    resources: { [language]: { translation: await loader(language) } },
    interpolation: { escapeValue: false }, // React escapes
    returnNull: false,
  })
  document.documentElement.lang = language
}

export async function chooseLanguage(language: string, keep = true): Promise<void> {
  if (!isLanguage(language) || !load) return
  if (!i18next.hasResourceBundle(language, 'translation')) {
    i18next.addResourceBundle(language, 'translation', await load(language))
  }
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
  if (keep) remember('language', language)
}
