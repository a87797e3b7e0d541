import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ChunkSet } from '../../src/farm/chunk-set.ts';
import {
  type Claim,
  type ClaimAnswer,
  type Directory,
  type HostFacts,
  mostHolders,
  type SwarmEntry,
} from '../../src/farm/directory.ts';
import { ownVersions } from '../../src/farm/peer-wire.ts';

/** A directory of its own for each test. */
export interface DirectoryUnderTest {
  directory: Directory;
  /** Lets ms go by. */
  later(ms: number): Promise<void>;
  /** It forgets everything. */
  flush(): Promise<unknown>;
}

const content = { id: 'c', chunks: 10, origin: 'nas', slots: 2 };
const shaOf = (text: string) => createHash('sha256').update(text).digest('hex');
const all = ChunkSet.all(content.chunks);
/** Longer than any test's steps, and one that a test waits for, ms. */
const long = 60_000;
const short = 300;

function setOf(...chunks: number[]): ChunkSet {
  const set = new ChunkSet(content.chunks);
  for (const chunk of chunks) set.add(chunk);
  return set;
}

function claimOf(answer: ClaimAnswer): Claim {
  if (answer.is !== 'claimed') throw new Error(`not claimed: ${answer.is}`);
  return answer.claim;
}

const runOf = (answer: ClaimAnswer) => (answer.is === 'claimed' ? [answer.claim.from, answer.claim.to] : answer.is);

export interface Hosts extends DirectoryUnderTest {
  a: SwarmEntry;
  b: SwarmEntry;
  c: SwarmEntry;
}

export function hostsOf(made: DirectoryUnderTest): Hosts {
  const join = (host: string) => made.directory.join(content, host);
  return { ...made, a: join('a'), b: join('b'), c: join('c') };
}

function factsOf(host: string, more: Partial<HostFacts> = {}): HostFacts {
  const url = `https://${host}.lan:8390`;
  return {
    host,
    url,
    version: '1.0.0',
    wire: ownVersions,
    weight: 2 ** 40,
    originBytes: 0,
    receivedBytes: 0,
    givenBytes: 0,
    ...more,
  };
}

/** What every directory of a farm promises. */
export const promises: Record<string, (hosts: Hosts) => Promise<void>> = {
  'gives each host the lowest run that nobody reads': async ({ a, b }) => {
    expect(runOf(await a.claim(all, 4, long))).toEqual([0, 4]);
    expect(runOf(await b.claim(all, 8, long))).toEqual([4, 10]);
  },
  'gives no host what it has, and nobody what somebody has read': async ({ a, b }) => {
    const claim = claimOf(await a.claim(all, 1, long));
    expect(await a.read(0, shaOf('0'), claim)).toBe('known');
    await a.release(claim);
    expect(runOf(await b.claim(setOf(0, 2, 3, 7), 8, long))).toEqual([2, 4]);
    expect(runOf(await a.claim(setOf(0), 8, long))).toBe('none');
  },
  'tells each host of so many others at most, and of no news among more': async ({ a, directory }) => {
    const hosts = Array.from({ length: mostHolders + 6 }, (_, index) => `h${index}`);
    for (const host of hosts.slice(0, mostHolders)) await directory.join(content, host).announce(setOf(0), new Map());
    expect((await a.holders()).holders).toHaveLength(mostHolders);
    for (const host of hosts.slice(mostHolders)) await directory.join(content, host).announce(setOf(1), new Map());
    const told = await a.holders();
    expect(told.hosts).toBe(hosts.length);
    expect(new Set(told.holders.map(({ host }) => host)).size).toBe(mostHolders);
    for (const { host, has } of told.holders) {
      expect(has.has(hosts.indexOf(host) < mostHolders ? 0 : 1)).toBe(true);
    }
    expect(await a.news()).toBeNull();
  },
  'lets the whole farm read an origin with no more than its slots': async ({ a, b, c }) => {
    const first = claimOf(await a.claim(all, 1, long));
    await b.claim(all, 1, long);
    expect(runOf(await c.claim(all, 1, long))).toBe('full');
    await a.release(first);
    expect(runOf(await c.claim(all, 1, long))).toEqual([0, 1]);
  },
  'counts the slots of an origin over all contents that are read from it': async ({ directory, a, b }) => {
    await a.claim(all, 1, long);
    await b.claim(all, 1, long);
    const other = directory.join({ ...content, id: 'other' }, 'c');
    expect(runOf(await other.claim(all, 1, long))).toBe('full');
    const elsewhere = directory.join({ ...content, id: 'third', origin: 's3' }, 'c');
    expect(runOf(await elsewhere.claim(all, 1, long))).toEqual([0, 1]);
  },
  'a claim without an end in view goes on while it is renewed, and not longer': async ({ a, b, later }) => {
    // So long that a busy machine is through before what is left of it is over.
    const claim = claimOf(await a.claim(all, 10, 10 * long));
    await later(5 * long);
    expect(await a.renew(claim, 10 * long)).toBe(true);
    await later(6 * long);
    expect(runOf(await b.claim(all, 10, long))).toBe('none');
    await later(5 * long);
    expect(runOf(await b.claim(all, 10, long))).toEqual([0, 10]);
    expect(await a.renew(claim, long)).toBe(false);
  },
  'does not take the word of a host that slept through its lease': async ({ a, b, later }) => {
    const old = claimOf(await a.claim(all, 2, short));
    await later(2 * short);
    const claim = claimOf(await b.claim(all, 2, long));
    expect(await a.read(0, shaOf('forged'), old)).toBe('fenced');
    expect(await b.read(0, shaOf('0'), claim)).toBe('known');
    expect(await a.read(0, shaOf('forged'), old)).toBe('differs');
    expect(await a.read(5, shaOf('5'), old)).toBe('fenced');
    expect(await a.read(0, shaOf('0'), old)).toBe('known');
  },
  'where two have to read, a chunk counts as read after that, and not after one host did so twice': async ({ directory }) => {
    const join = (host: string) => directory.join({ ...content, twice: true }, host);
    const [a, b, c] = [join('a'), join('b'), join('c')];
    const first = claimOf(await a.claim(all, 1, long));
    expect(await a.read(0, shaOf('0'), first)).toBe('known');
    expect(await a.read(0, shaOf('0'), first)).toBe('known');
    await a.release(first);
    expect((await c.holders()).hashes).toEqual(new Map());
    const second = claimOf(await b.claim(all, 1, long));
    expect([second.from, second.to]).toEqual([0, 1]);
    expect(await b.read(0, shaOf('forged'), second)).toBe('differs');
    expect((await c.holders()).hashes).toEqual(new Map());
    expect(await b.read(0, shaOf('0'), second)).toBe('known');
    await b.release(second);
    expect((await c.holders()).hashes).toEqual(new Map([[0, shaOf('0')]]));
    expect(runOf(await c.claim(all, 1, long))).toEqual([1, 2]);
    // What no host has any more is read anew by two.
    await c.lost([0], ['a', 'b']);
    expect((await c.holders()).hashes).toEqual(new Map());
    expect(runOf(await c.claim(setOf(0), 1, long))).toEqual([0, 1]);
  },
  'tells who has what, with the hashes': async ({ a, b }) => {
    const claim = claimOf(await a.claim(all, 2, long));
    await a.read(0, shaOf('0'), claim);
    await a.read(1, shaOf('1'), claim);
    await b.got(1);
    const { holders, hashes } = await b.holders();
    expect(holders.map(({ host, has }) => [host, has.size])).toEqual([['a', 2]]);
    expect(hashes).toEqual(
      new Map([
        [0, shaOf('0')],
        [1, shaOf('1')],
      ]),
    );
  },
  'tells what has happened since, of other hosts only': async ({ a, b }) => {
    await b.holders();
    expect(await b.news()).toEqual([]);
    const claim = claimOf(await a.claim(all, 2, long));
    await a.read(0, shaOf('0'), claim);
    await b.got(0);
    await a.leave();
    expect(await b.news()).toEqual([
      { is: 'has', host: 'a', chunk: 0 },
      { is: 'gone', host: 'a' },
    ]);
    expect(await b.news()).toEqual([]);
    expect((await b.holders()).holders).toEqual([]);
  },
  'news end when it has forgotten what a host knew': async ({ a, b, flush }) => {
    await a.got(0);
    await b.holders();
    await flush();
    expect(await b.news()).toBeNull();
  },
  'learns from the hosts again what it has forgotten': async ({ a, b, flush }) => {
    const claim = claimOf(await a.claim(all, 1, long));
    await a.read(0, shaOf('0'), claim);
    await flush();
    await a.announce(
      setOf(0),
      new Map([
        [0, shaOf('0')],
        [4, shaOf('not there')],
      ]),
    );
    const { holders, hashes } = await b.holders();
    expect(holders.map(({ host, has }) => [host, has.has(0)])).toEqual([['a', true]]);
    expect(hashes).toEqual(new Map([[0, shaOf('0')]]));
    expect(runOf(await b.claim(all, 1, long))).toEqual([1, 2]);
  },
  'a hash that is known is not taught anew': async ({ a, b }) => {
    await a.announce(setOf(0), new Map([[0, shaOf('0')]]));
    await b.announce(
      setOf(0, 1),
      new Map([
        [0, shaOf('forged')],
        [1, shaOf('1')],
      ]),
    );
    expect((await a.holders()).hashes).toEqual(
      new Map([
        [0, shaOf('0')],
        [1, shaOf('1')],
      ]),
    );
  },
  'a chunk can be claimed again when nobody has it, or only those from whom nothing good came': async ({ a, b, c }) => {
    await a.announce(
      setOf(0, 1),
      new Map([
        [0, shaOf('0')],
        [1, shaOf('1')],
      ]),
    );
    await c.announce(setOf(1), new Map());
    await b.lost([0, 1], []);
    expect(runOf(await b.claim(setOf(0, 1), 1, long))).toBe('none');
    await b.lost([0, 1], ['a']);
    expect(runOf(await b.claim(setOf(0, 1), 2, long))).toEqual([0, 1]);
  },
  'forgets a host that is silent for too long': async ({ a, b, later }) => {
    await a.announce(setOf(0), new Map([[0, shaOf('0')]]));
    expect((await b.holders()).holders).toHaveLength(1);
    await later(16_000);
    expect((await b.holders()).holders).toEqual([]);
    await b.lost([0], []);
    expect(runOf(await b.claim(all, 1, long))).toEqual([0, 1]);
  },
  'tells the hosts that are there, with their last words': async ({ directory }) => {
    expect(await directory.hosts()).toEqual([]);
    await directory.beat(factsOf('b'));
    await directory.beat(factsOf('a', { url: null }));
    await directory.beat(factsOf('b', { givenBytes: 2 ** 50 }));
    expect(await directory.hosts()).toEqual([factsOf('a', { url: null }), factsOf('b', { givenBytes: 2 ** 50 })]);
  },
  'hands out letters for a host once, in order, with its word that it is there': async ({ directory, flush }) => {
    await directory.send('a', 'first');
    await directory.send('b', 'for another');
    await directory.send('a', 'second, ö');
    expect(await directory.beat(factsOf('a'))).toEqual(['first', 'second, ö']);
    expect(await directory.beat(factsOf('a'))).toEqual([]);
    await flush();
    expect(await directory.beat(factsOf('b'))).toEqual([]);
    for (let n = 0; n < 105; n++) await directory.send('c', String(n));
    const kept = await directory.beat(factsOf('c'));
    expect([kept.length, kept[0], kept.at(-1)]).toEqual([100, '5', '104']);
  },
  'a host that departs is gone at once, one that is silent when its time is over': async ({ directory, later }) => {
    for (const host of ['a', 'b', 'c']) await directory.beat(factsOf(host));
    await directory.depart('a');
    expect(await directory.hosts()).toEqual([factsOf('b'), factsOf('c')]);
    await later(8_000);
    await directory.beat(factsOf('c'));
    await later(8_000);
    expect(await directory.hosts()).toEqual([factsOf('c')]);
  },
};

export function directoryContract(name: string, make: () => Promise<DirectoryUnderTest>): void {
  describe(name, () => {
    for (const [promise, keeps] of Object.entries(promises)) test(promise, async () => keeps(hostsOf(await make())));
  });
}
