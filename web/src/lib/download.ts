/** download hands a file to the browser. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content)
  const a = document.createElement('a')
  a.href = url
  a.download = name
  a.click()
  URL.revokeObjectURL(url)
}

/** fileName makes a name that every system accepts. */
export const fileName = (name: string, ext: string) => (name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[-.]+|-+$/g, '') || 'file') + ext
