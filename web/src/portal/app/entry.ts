/** entry reads how somebody came: whose portal it is (?realm=), and a token of a sign-in link, which is taken out of the address at once. */
export function entry(): { realm: string; token: string } {
  const realm = new URLSearchParams(window.location.search).get('realm') ?? ''
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token') ?? ''
  if (token) window.history.replaceState(null, '', window.location.pathname + window.location.search)
  return { realm, token }
}
