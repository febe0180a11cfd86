// A running panel with one local agent, and its REST surface for setting the scene.
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

const root = new URL('../../', import.meta.url).pathname
const bin = process.env.WEB_E2E_BIN ?? path.join(root, 'bin')

export function freePort() {
  return new Promise((resolve, reject) => {
    const s = createServer().on('error', reject)
    s.listen(0, '127.0.0.1', () => {
      const { port } = s.address()
      s.close(() => resolve(port))
    })
  })
}

/** startPanel runs bin/culvert-panel up in a directory of its own. */
export async function startPanel() {
  const dir = mkdtempSync(path.join(tmpdir(), 'culvert-web-'))
  chmodSync(dir, 0o755)
  const [web, gateway] = [await freePort(), await freePort()]
  const child = spawn(path.join(bin, 'culvert-panel'), ['up'], {
    // a clean environment: settings of whoever runs this are not the scene's
    env: { PATH: process.env.PATH, HOME: dir, CULVERT_DATA_DIR: dir, CULVERT_LISTEN: `127.0.0.1:${web}`, CULVERT_GATEWAY_LISTEN: `127.0.0.1:${gateway}`, CULVERT_BLOCK_PRIVATE: 'no', CULVERT_REPORT_INTERVAL: '1s' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  const ready = new Promise((resolve, reject) => {
    const look = (b) => {
      out += b
      const url = out.match(/https:\/\/\S+/)
      const password = out.match(/[Pp]assword[: ]+(\S+)/)
      if (url && password) resolve({ url: `https://127.0.0.1:${web}`, password: password[1] })
    }
    child.stdout.on('data', look)
    child.stderr.on('data', (b) => { out += b })
    child.on('exit', (code) => reject(new Error(`the panel ended with ${code}:\n${out}`)))
    setTimeout(() => reject(new Error(`the panel did not start:\n${out}`)), 120_000).unref()
  })
  const stop = () => new Promise((done) => {
    child.removeAllListeners('exit')
    child.on('exit', () => {
      rmSync(dir, { recursive: true, force: true })
      done()
    })
    child.kill('SIGTERM')
  })
  const { url, password } = await ready
  return { url, password, stop, log: () => out }
}

/** client speaks REST; the certificate is the panel's own. */
export function client(base) {
  let token = ''
  const call = (method, at, body, headers = {}) => new Promise((resolve, reject) => {
    const raw = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
    const req = request(`${base}/api/v1${at}`, {
      method, rejectUnauthorized: false,
      headers: { ...(raw ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(raw) } : {}), ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers },
    }, (res) => {
      const parts = []
      res.on('data', (b) => parts.push(b))
      res.on('end', () => {
        const text = Buffer.concat(parts).toString()
        if (res.statusCode >= 400) return reject(new Error(`${method} ${at}: ${res.statusCode} ${text}`))
        resolve(/json/.test(res.headers['content-type'] ?? '') ? JSON.parse(text) : text)
      })
    })
    req.on('error', reject)
    req.end(raw)
  })
  return {
    call,
    get: (at) => call('GET', at),
    post: (at, body = {}) => call('POST', at, body),
    patch: (at, body) => call('PATCH', at, body),
    async signIn(name, password) {
      token = ''
      const s = await call('POST', '/sessions', { name, password })
      token = s.token
      return s
    },
  }
}
