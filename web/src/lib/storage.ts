/** What this browser remembers. A browser that refuses storage remembers nothing, and everything still works. */
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`culvert.${key}`)
  } catch {
    return null
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`culvert.${key}`, value)
  } catch {
    // refused: see above
  }
}
