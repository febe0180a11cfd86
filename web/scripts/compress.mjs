// Writes .br and .gz beside everything in dist/assets that shrinks, and removes assets of earlier builds.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = new URL('../dist/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))
const kept = new Set(Object.values(manifest).flatMap((e) => [e.file, ...(e.css ?? []), ...(e.assets ?? [])]))
const assets = new URL('assets/', dist)

for (const name of readdirSync(assets)) {
  const file = new URL(name, assets)
  if (!kept.has(`assets/${name.replace(/\.(br|gz)$/, '')}`)) {
    rmSync(file)
    continue
  }
  if (!/\.(js|css|svg|json|html)$/.test(name)) continue
  const body = readFileSync(file)
  const smaller = (ext, packed) => packed.length < body.length && writeFileSync(new URL(name + ext, assets), packed)
  smaller('.br', brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }))
  smaller('.gz', gzipSync(body, { level: 9 }))
}
