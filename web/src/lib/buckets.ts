interface Bucket { at: string; up: number; down: number }

const lengths = { hour: 3_600_000, day: 86_400_000 }

/** spread sums buckets of one moment and puts zeros where nothing happened, so that a quiet night is not a slope. */
export function spread(buckets: readonly Bucket[], from: Date, to: Date, step: 'hour' | 'day'): Bucket[] {
  const length = lengths[step]
  const slot = (ms: number) => Math.floor(ms / length) * length
  const sums = new Map<number, Bucket>()
  for (let at = slot(from.getTime()); at <= to.getTime(); at += length) sums.set(at, { at: new Date(at).toISOString(), up: 0, down: 0 })
  for (const b of buckets) {
    const sum = sums.get(slot(Date.parse(b.at)))
    if (!sum) continue
    sum.up += b.up
    sum.down += b.down
  }
  return [...sums.values()]
}
