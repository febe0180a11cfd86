import react from '@vitejs/plugin-react'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The panel that the development server talks to. */
const panel = process.env.CULVERT_PANEL ?? 'https://127.0.0.1:8083'
const proxy = Object.fromEntries(
  ['/api', '/sub', '/install'].map((path) => [path, { target: panel, secure: false, changeOrigin: false }]),
)

export default defineConfig({
  plugins: [react()],
  // The panel puts a fresh nonce in place of this word into each page that it serves.
  html: { cspNonce: '__CSP_NONCE__' },
  resolve: { alias: { '@': here('./src') } },
  server: { proxy, port: Number(process.env.PORT ?? 5173), strictPort: true },
  preview: { proxy, port: Number(process.env.PORT ?? 5173), strictPort: true },
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: false, // dist/.keep is in git; scripts/compress.mjs removes what no page names any more
    assetsInlineLimit: 0, // the content security policy allows no data: fonts or scripts
    modulePreload: { polyfill: false },
    manifest: true,
    rolldownOptions: { input: { index: here('./index.html'), portal: here('./portal.html') } },
  },
  test: {
    environment: 'jsdom',
    setupFiles: ['src/test/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}'],
    css: false,
    testTimeout: 60_000, // machines that build beside are slow, not wrong
  },
})
