export const languages = ['en', 'zh', 'ko', 'ru'] as const
export type Language = (typeof languages)[number]

/** Each language's own name for itself: readable to those who need it. */
export const nativeNames: Record<Language, string> = { en: 'English', zh: '中文', ko: '한국어', ru: 'Русский' }

export const isLanguage = (s: unknown): s is Language => languages.includes(s as Language)

/** bestLanguage is the first wish that we speak: "zh-Hant-TW" is served by "zh". */
export function bestLanguage(wishes: readonly (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    const base = wish?.toLowerCase().split('-')[0]
    if (isLanguage(base)) return base
  }
  return 'en'
}
