/** allows tells what the panel would say: write includes read, * is everything. The panel itself decides. */
export function allows(granted: readonly string[], wanted: string): boolean {
  const [resource, action] = wanted.split(':')
  return granted.some((g) => {
    const [r, a] = g.split(':')
    return (r === '*' || r === resource) && (a === '*' || a === action || (a === 'write' && action === 'read'))
  })
}
