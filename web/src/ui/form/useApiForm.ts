import { useForm, type UseFormInput, type UseFormReturnType } from '@mantine/form'
import { useState } from 'react'
import { asApiError } from '@/lib/problem'

export interface ApiForm<T extends Record<string, unknown>> {
  form: UseFormReturnType<T>
  submit: (e?: React.FormEvent<HTMLFormElement>) => void
  /** What an input of the field is given. */
  bind: <K extends keyof T & string>(name: K) => Bound<T[K]>
  busy: boolean
  fault: string
}

export interface Bound<V> {
  value: V
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- inputs give events, texts, numbers or lists; the form takes them all
  onChange: (v: any) => void
  error?: React.ReactNode
}

/** useApiForm sends a form's values; what the panel refuses is shown at the field that it names, everything else above. */
export function useApiForm<T extends Record<string, unknown>>(
  input: UseFormInput<T>,
  send: (values: T) => Promise<unknown>,
  /** Names of the API that differ from the form's own. */
  alias: Record<string, string> = {},
): ApiForm<T> {
  const form = useForm<T>({ mode: 'controlled', ...input })
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState('')

  const run = async (values: T) => {
    setBusy(true)
    setFault('')
    try {
      await send(values)
    } catch (caught) {
      const e = asApiError(caught)
      const { errors, rest } = e.formErrors([...Object.keys(form.getValues()), ...Object.keys(alias)])
      const named = Object.fromEntries(Object.entries(errors).map(([k, v]) => [alias[k] ?? k, v]))
      form.setErrors(named)
      if (Object.keys(named).length === 0 || rest.length > 0) setFault(rest.length > 0 ? rest.join('; ') : e.message)
      queueMicrotask(() => document.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
    } finally {
      setBusy(false)
    }
  }
  return {
    form, busy, fault,
    submit: (e) => form.onSubmit((v) => void run(v as T))(e),
    bind: (name) => form.getInputProps(name) as Bound<T[typeof name]>,
  }
}
