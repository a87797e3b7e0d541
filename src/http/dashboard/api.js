/** The daemon's API for the dashboard. */

/** Half of this browser's sign-in; the other half is a cookie that no script can read. */
let key = '';
/** Its key in the browser's storage. */
export const keptKey = 'autocached-key';

/**
 * Signs in with the one-time code in the address, which is removed there, or with the kept sign-in.
 * @returns false when there is neither; a kept sign-in may have ended
 */
export async function signIn(location, history, storage) {
  const code = location.hash.slice(1);
  if (code !== '' && !code.startsWith('/')) {
    history.replaceState(null, '', location.pathname);
    const answer = await send('/api/dashboard/session', { method: 'POST', body: { code } }).catch(() => null);
    if (answer?.key) storage.setItem(keptKey, answer.key);
  }
  key = storage.getItem(keptKey) ?? '';
  return key !== '';
}

/** Forgets this browser's half. */
export function forgetSignIn(storage) {
  storage.removeItem(keptKey);
  key = '';
}

/** Refused because this browser is not signed in, or not any more. */
export class NotSignedIn extends Error {}

/** No daemon answers. */
export class DaemonAway extends Error {}

/**
 * The answer of `path`; with a body, of a POST.
 * @throws Error with the daemon's message and its hint; NotSignedIn, DaemonAway
 */
export async function ask(path, body) {
  return send(path, { method: body === undefined ? 'GET' : 'POST', body });
}

/** The same with any method. */
export async function send(path, { method, body }) {
  const response = await open(path, {
    method,
    ...(body !== undefined && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!response.ok) throw await refusal(response);
  try {
    return await response.json();
  } catch {
    throw new DaemonAway('The daemon has ended in the middle of an answer.');
  }
}

/** The error in a response; a response without a body comes from a proxy. */
export async function refusal(response) {
  const { error = {} } = await response.json().catch(() => ({}));
  const { message = `The daemon answers with status ${response.status}.`, hint } = error;
  return response.status === 401 ? new NotSignedIn(message) : Object.assign(new Error(message), { hint });
}

/** A response whose body is read by the caller. @throws DaemonAway */
export async function open(path, options = {}) {
  try {
    return await fetch(path, { ...options, headers: { ...options.headers, 'X-Autocached-Key': key } });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new DaemonAway('The daemon is not running.');
  }
}
