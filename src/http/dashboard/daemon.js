/** The daemon's API for the dashboard. */

const kept = 'autocached-token';

/**
 * The token of this tab: kept from before, or exchanged for the one-time code in the address, which is removed there. Null when
 * there is neither.
 */
export async function signIn(location, history, storage) {
  const code = location.hash.slice(1);
  if (code === '') return storage.getItem(kept);
  history.replaceState(null, '', location.pathname);
  const response = await fetch('/api/dashboard/session', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ code }),
  }).catch(() => null);
  if (!response?.ok) return storage.getItem(kept);
  const { token } = await response.json();
  storage.setItem(kept, token);
  return token;
}

/** The answer of `path`. @throws Error with the daemon's message; without one when the daemon is away. */
export async function ask(token, path, body) {
  const headers = { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) };
  const response = await fetch(path, { headers, ...(body && { method: 'POST', body: JSON.stringify(body) }) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.message ?? `status ${response.status}`);
  return answer;
}
