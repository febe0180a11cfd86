import { useEffect, useState } from 'react'

/** QrPicture draws the panel's SVG as a picture: what is in it can run nothing. Always dark on white, or cameras fail. */
export function QrPicture({ svg, label, size = 300 }: { svg: string; label: string; size?: number }) {
  const [url, setUrl] = useState('')
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }))
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [svg])
  return (
    <div style={{ background: '#fff', padding: 12, borderRadius: 12, border: '1px solid var(--c-line)', alignSelf: 'center', lineHeight: 0 }}>
      {url && <img src={url} alt={label} width={size} height={size} style={{ maxWidth: '100%', height: 'auto' }} />}
    </div>
  )
}
