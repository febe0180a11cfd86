// Every page of the panel, for what must hold on all of them.
export const pages = (scene) => [
  '/', '/subscribers', `/subscribers?open=${scene.subscriber.id}`, ...['usage', 'sessions', 'devices', 'links', 'audit'].map((t) => `/subscribers?open=${scene.subscriber.id}&tab=${t}`),
  '/subscribers?add=true', '/plans', '/nodes', '/nodes?tab=certificates', '/nodes?tab=groups', '/nodes?add=true',
  ...['', '?tab=sessions', '?tab=jobs', '?tab=details'].map((t) => `/nodes/${scene.node.id}${t}`), '/tenants', '/staff', '/access-keys', '/jobs', '/settings', '/settings?tab=profiles', '/account', '/nowhere',
]

/** settled waits until a page has what it shows. */
export async function settled(page) {
  await page.locator('h1').first().waitFor()
  await page.waitForFunction(() => !document.querySelector('[aria-busy=true]'))
}
