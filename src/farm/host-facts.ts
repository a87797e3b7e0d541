import type { HostFacts } from './directory.ts';
import type { WireVersions } from './peer-wire.ts';

/** Characters of a name, an address and a version: whoever can write to the Redis may write anything. */
const mostText = 300;

/** What a host said of itself, as far as it is well formed; null for anything else. */
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

/** Where requests go: no other scheme, no path. */
function isAddress(value: unknown): value is string {
  const url = isText(value) ? URL.parse(value) : null;
  return url !== null && url.protocol === 'https:' && url.origin === value;
}

/** A host that says nothing of it is of before there was a second version. */
function wireOf(said: unknown): WireVersions {
  const { lowest, highest } = Object(said) as Record<string, unknown>;
  return { lowest: countOf(lowest) || 1, highest: countOf(highest) || 1 };
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
