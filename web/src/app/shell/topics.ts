import type { Me } from '@/api/types'
import { allows } from '@/lib/permissions'

/** topicsOf is what a person may watch; one that they may not would refuse the whole stream. */
export function topicsOf(me: Me): string[] {
  const may = (p: string) => allows(me.permissions, p)
  return [may('session:read') && 'sessions', may('usage:read') && 'overview', me.operator && may('node:read') && 'nodes'].filter((t): t is string => Boolean(t))
}
