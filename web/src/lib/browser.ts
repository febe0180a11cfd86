const browsers: [RegExp, string][] = [[/edg\//i, 'Edge'], [/opr\//i, 'Opera'], [/firefox\//i, 'Firefox'], [/chrom(e|ium)\//i, 'Chrome'], [/safari\//i, 'Safari'], [/curl\//i, 'curl']]
const systems: [RegExp, string][] = [[/android/i, 'Android'], [/iphone|ipad/i, 'iOS'], [/windows/i, 'Windows'], [/mac os/i, 'macOS'], [/linux/i, 'Linux']]

/** browserOf reads "Chrome, Linux" from a user agent; what it does not know it shows as it is. */
export function browserOf(agent: string): string {
  const find = (list: [RegExp, string][]) => list.find(([r]) => r.test(agent))?.[1]
  return [find(browsers), find(systems)].filter(Boolean).join(', ') || agent || '–'
}
