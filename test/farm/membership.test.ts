import { expect, onTestFinished, test, vi } from 'vitest';
import type { EventMap } from '../../src/api/event-map.ts';
import { eventWords } from '../../src/api/event-text.ts';
import type { Directory, HostFacts } from '../../src/farm/directory.ts';
import { Membership } from '../../src/farm/membership.ts';
import { MemoryDirectory } from '../../src/farm/memory-directory.ts';
import { ownVersions } from '../../src/farm/peer-wire.ts';
import { Events } from '../../src/runtime/events.ts';
import { createLog } from '../../src/runtime/log.ts';

const log = createLog({ level: 'silent', form: 'json' });
/** Beats only when a test wants one. */
const everyMs = 2 ** 30;

function factsOf(host: string, url: string | null = null): HostFacts {
  return { host, url, version: '1.0.0', wire: ownVersions, weight: 1, originBytes: 0, receivedBytes: 0, givenBytes: 0 };
}

type Troubles = EventMap['farm-trouble'][];

function member(
  host: string,
  directory: Pick<Directory, 'beat' | 'hosts' | 'depart'>,
  own: { url: string | null } = { url: null },
) {
  const events = new Events();
  const troubles: Troubles = [];
  events.subscribe((name, data) => name === 'farm-trouble' && troubles.push(data as Troubles[number]));
  const onTwin = vi.fn();
  const self = () => factsOf(host, own.url);
  const membership = new Membership({ directory, self, onTwin, events, log, everyMs });
  onTestFinished(() => membership[Symbol.asyncDispose]());
  return { membership, troubles, onTwin, names: () => membership.hosts.map((one) => one.host) };
}

test('hosts know each other, and that one has gone', async () => {
  const directory = new MemoryDirectory(() => 0);
  const [a, b] = [member('a', directory), member('b', directory)];
  await b.membership.renew();
  await a.membership.renew();
  expect(a.names()).toEqual(['a', 'b']);
  await b.membership[Symbol.asyncDispose]();
  await a.membership.renew();
  expect(a.names()).toEqual(['a']);
  expect(a.troubles).toEqual([{ code: 'PEER_LOST', host: 'b', path: null, why: null }]);
});

test('a host that is silent is gone when its time is over', async () => {
  let now = 0;
  const directory = new MemoryDirectory(() => now);
  const [a, b] = [member('a', directory), member('b', directory)];
  await b.membership.renew();
  await a.membership.renew();
  now = 10_000;
  await a.membership.renew();
  expect(a.names()).toEqual(['a', 'b']);
  now = 20_000;
  await a.membership.renew();
  expect(a.names()).toEqual(['a']);
});

test('two hosts of one name, the copy of a machine, are told of it once', async () => {
  const directory = new MemoryDirectory(() => 0);
  const own = { url: 'https://10.0.0.1:1' };
  const [a, twin] = [member('a', directory, own), member('a', directory, { url: 'https://10.0.0.2:1' })];
  await a.membership.renew();
  // Another address of its own is no other host.
  own.url = 'https://10.0.0.1:2';
  for (let beats = 0; beats < 2; beats++) await a.membership.renew();
  expect(a.onTwin).not.toHaveBeenCalled();
  await twin.membership.renew();
  for (let beats = 0; beats < 3; beats++) for (const { membership } of [a, twin]) await membership.renew();
  for (const { onTwin, troubles } of [a, twin]) {
    expect(onTwin).toHaveBeenCalledTimes(1);
    expect(troubles).toEqual([{ code: 'SAME_NAME', host: 'a', path: null, why: null }]);
  }
});

test('while the directory is away the hosts of before stay known; it is said once, and that it is back', async () => {
  const directory = new MemoryDirectory(() => 0);
  let isAway = false;
  const away = { hosts: () => directory.hosts(), depart: (host: string) => directory.depart(host) };
  const beat = async (facts: HostFacts) => {
    if (isAway) throw new Error('no answer in time');
    return directory.beat(facts);
  };
  const a = member('a', { ...away, beat });
  await directory.beat(factsOf('b'));
  await a.membership.renew();
  isAway = true;
  await a.membership.renew();
  await a.membership.renew();
  expect(a.names()).toEqual(['a', 'b']);
  isAway = false;
  directory.flush();
  await a.membership.renew();
  expect(a.troubles.map(({ code }) => code)).toEqual(['DIRECTORY_LOST', 'DIRECTORY_BACK']);
  expect(a.names()).toEqual(['a']);
});

test.each([
  [{ code: 'PEER_WRONG_BYTES', host: 'gpu2', path: '/m/a.safetensors', why: null }, /^Host gpu2 gave wrong bytes of \/m\/a/],
  [{ code: 'PEER_LOST', host: 'gpu2', path: null, why: null }, /^Host gpu2 is gone from the farm$/],
  [{ code: 'SAME_NAME', host: 'gpu2', path: null, why: null }, /^Host gpu2 has a twin in the farm, /],
  [{ code: 'DIRECTORY_LOST', host: null, path: null, why: 'no answer' }, /^The Redis of the farm does not answer: no answer;/],
  [{ code: 'DIRECTORY_BACK', host: null, path: null, why: null }, /^The Redis of the farm answers again$/],
] as const)('%o is told in a sentence', (data, words) => {
  const { title, subject, rest } = eventWords({ name: 'farm-trouble', data });
  expect(title + subject + rest).toMatch(words);
});
