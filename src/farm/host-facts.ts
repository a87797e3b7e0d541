import type { HostFacts } from './directory.ts';
import type { WireVersions } from './peer-wire.ts';

/** Maximum length of a name, an address and a version: the Redis may hold texts of any writer. */
const mostText = 300;

/** A host's description of itself, if it is well formed; null otherwise. */
export function hostFactsOf(words: string): HostFacts | null {
  const said = readJson(words);
  const { host, url, version } = said;
  if (!isText(host) || !isText(version) || !(url === null || isAddress(url))) return null;
  const figures = [said['weight'], said['originBytes'], said['receivedBytes'], said['givenBytes']].map(countOf);
  const [weight = 0, originBytes = 0, receivedBytes = 0, givenBytes = 0] = figures;
  return { host, url, version, wire: wireOf(said['wire']), weight, originBytes, receivedBytes, givenBytes };
}

function readJson(words: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(words));
  } catch {
    return {};
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= mostText && !/\p{Cc}/u.test(value);
}

/** Whether it can receive requests: no other scheme, no path. */
function isAddress(value: unknown): value is string {
  const url = isText(value) ? URL.parse(value) : null;
  return url !== null && url.protocol === 'https:' && url.origin === value;
}

/** A host that states no versions is older than the second one. */
function wireOf(said: unknown): WireVersions {
  const { lowest, highest } = Object(said) as Record<string, unknown>;
  return { lowest: countOf(lowest) || 1, highest: countOf(highest) || 1 };
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
