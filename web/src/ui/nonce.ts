import { setNonce } from 'get-nonce'

/** pageNonce is what the panel put into this page: style elements that carry it are allowed. */
export const pageNonce = () => document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.content ?? ''

/** shareNonce hands it to the library that locks scrolling behind dialogs, which knows no other way. */
export const shareNonce = () => setNonce(pageNonce())
