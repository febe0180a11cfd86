export interface FieldFault {
  field: string
  rule: string
}

/** ApiError is the only error that calls of the API end with: RFC 9457, or what stands for it when there was no answer. */
export class ApiError extends Error {
  readonly status: number // 0: no answer
  readonly kind: string
  readonly fields: readonly FieldFault[]
  readonly trace: string
  readonly retryAfter: number // seconds

  constructor(p: { status: number; kind?: string; detail: string; fields?: FieldFault[]; trace?: string; retryAfter?: number }) {
    super(p.detail)
    this.name = 'ApiError'
    this.status = p.status
    this.kind = p.kind ?? 'internal'
    this.fields = p.fields ?? []
    this.trace = p.trace ?? ''
    this.retryAfter = p.retryAfter ?? 0
  }

  /** formErrors maps the named fields to a form's: "body.plan" is "plan". What the form has no field for stays in rest. */
  formErrors(known: readonly string[]): { errors: Record<string, string>; rest: string[] } {
    const errors: Record<string, string> = {}
    const rest: string[] = []
    for (const { field, rule } of this.fields) {
      const name = field.replace(/^body\./, '')
      const match = known.find((k) => k === name) ?? known.find((k) => name.startsWith(`${k}.`) || name.startsWith(`${k}[`))
      if (match && !errors[match]) errors[match] = name === match ? rule : `${name.slice(match.length).replace(/^\./, '')}: ${rule}`
      else rest.push(name ? `${name}: ${rule}` : rule)
    }
    return { errors, rest }
  }
}

/** asApiError reads an answer that is not a success. */
export async function problemOf(r: Response): Promise<ApiError> {
  const body = (await r.json().catch(() => ({}))) as { detail?: string; title?: string; type?: string; fields?: FieldFault[]; trace?: string }
  return new ApiError({
    status: r.status,
    kind: body.type?.split(':').pop(),
    detail: body.detail || body.title || r.statusText || String(r.status),
    fields: body.fields,
    trace: body.trace,
    retryAfter: Number(r.headers.get('Retry-After')) || 0,
  })
}

export const asApiError = (e: unknown): ApiError =>
  e instanceof ApiError ? e : new ApiError({ status: 0, kind: 'offline', detail: e instanceof Error ? e.message : String(e) })
