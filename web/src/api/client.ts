import createClient, { type Middleware } from 'openapi-fetch'
import { ApiError, problemOf } from '@/lib/problem'
import type { paths } from './schema.gen'

export const prefix = '/api/v1'

type Listener = () => void
const signedOut = new Set<Listener>()

/** onSignedOut calls back when an answer says that the session is over. */
export function onSignedOut(f: Listener): () => void {
  signedOut.add(f)
  return () => signedOut.delete(f)
}

export const tellSignedOut = () => signedOut.forEach((f) => f())

const faults: Middleware = {
  async onResponse({ request, response, schemaPath }) {
    if (response.ok) return undefined
    const e = await problemOf(response)
    const signingIn = request.method === 'POST' && schemaPath.endsWith('/sessions')
    if (e.status === 401 && !signingIn) tellSignedOut()
    throw e
  },
  onError({ error }) {
    return new ApiError({ status: 0, kind: 'offline', detail: error instanceof Error ? error.message : String(error) })
  },
}

/** api is the typed client of the whole REST surface. Every failure is thrown as an ApiError. */
export const api = createClient<paths>({ baseUrl: prefix, credentials: 'same-origin' })
api.use(faults)

/** data unwraps an answer: faults were thrown before. */
export async function data<T>(answer: Promise<{ data?: T; response: Response }>): Promise<T> {
  return (await answer).data as T
}

/** versioned is the header of a change to what was read: somebody else's change in between is not overwritten. */
export const versioned = (o: { version: number }) => ({ 'If-Match': `"${o.version}"` })

/** raw fetches what is not JSON: files, pictures, CSV. */
export async function raw(path: string, init?: RequestInit): Promise<Response> {
  const r = await fetch(prefix + path, { credentials: 'same-origin', ...init }).catch((e: unknown) => {
    throw new ApiError({ status: 0, kind: 'offline', detail: String(e) })
  })
  if (r.ok) return r
  if (r.status === 401) tellSignedOut()
  throw await problemOf(r)
}
