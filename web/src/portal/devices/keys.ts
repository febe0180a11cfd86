const base64 = (bytes: ArrayBuffer | Uint8Array) => btoa(String.fromCharCode(...new Uint8Array(bytes)))

export interface Pair {
  privateKey: string // base64, as WireGuard's files have it
  publicKey: string
}

/**
 * makePair makes a WireGuard key pair here (X25519, RFC 7748), so that the private key never leaves this device. undefined: this
 * browser cannot, and the panel has to.
 */
export async function makePair(subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle): Promise<Pair | undefined> {
  try {
    const pair = (await subtle?.generateKey({ name: 'X25519' }, true, ['deriveBits'])) as CryptoKeyPair | undefined
    if (!subtle || !pair) return undefined
    const pkcs8 = new Uint8Array(await subtle.exportKey('pkcs8', pair.privateKey)) // RFC 8410: the key is its last 32 bytes
    return { privateKey: base64(pkcs8.slice(-32)), publicKey: base64(await subtle.exportKey('raw', pair.publicKey)) }
  } catch {
    return undefined
  }
}

const blank = 'PRIVATE_KEY'

/** complete puts the private key into a file that the panel left a place for it in. */
export function complete(file: string, privateKey: string): string {
  if (!file.includes(`= ${blank}\n`)) throw new Error('the file has no place for a private key')
  return file.replace(`= ${blank}\n`, `= ${privateKey}\n`)
}
