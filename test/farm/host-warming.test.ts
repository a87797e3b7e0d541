import { expect, onTestFinished, test } from 'vitest';
import type { WarmItem } from '../../src/api/api.ts';
import type { HostFacts } from '../../src/farm/directory.ts';
import { HostWarming } from '../../src/farm/host-warming.ts';
import { type Letter, LetterSeal } from '../../src/farm/letters.ts';
import { Membership } from '../../src/farm/membership.ts';
import { MemoryDirectory } from '../../src/farm/memory-directory.ts';
import { ownVersions } from '../../src/farm/peer-wire.ts';
import { Events } from '../../src/runtime/events.ts';
import { createLog } from '../../src/runtime/log.ts';
import { soon } from '../helpers/patience.ts';

const log = createLog({ level: 'silent', form: 'json' });
const key = Buffer.alloc(32, 7);
const fact = { url: null, version: '1', wire: ownVersions, weight: 1, originBytes: 0, receivedBytes: 0, givenBytes: 0 };
const file = { name: 'checkpoints/a.safetensors', path: '/nas/checkpoints/a.safetensors' };

function itemOf(item: string, ready: boolean): WarmItem {
  const reason = ready ? 'HIT' : 'NO_SPACE';
  return {
    ...{ item, ready, reason, word: reason, why: 'it does not fit' },
    ...{ path: null, tier: null, pinned: false, size: 1, job: null, message: null },
  };
}

interface HostOptions {
  /** How the work for others ends. */
  warm?: (names: string[], check: boolean) => Promise<boolean>;
  key?: Buffer;
  holders?: string[];
  waitMaxMs?: number;
}

/** Hosts of one farm; each looks for letters when it waits, or is told to. */
function farmOf(directory = new MemoryDirectory(() => performance.now())) {
  return async (
    host: string,
    { warm = async () => true, key: own = key, holders = [], waitMaxMs = 10_000 }: HostOptions = {},
  ) => {
    const asked: string[][] = [];
    const self = (): HostFacts => ({ ...fact, host });
    const members = new Membership({
      directory,
      self,
      onLetters: (all) => warming.received(all),
      events: new Events(),
      log,
      everyMs: 20,
    });
    onTestFinished(() => members[Symbol.asyncDispose]());
    const warming = new HostWarming({
      ...{ key: own, host, directory, members, log },
      holdersOf: async () => holders,
      async warm(names, check) {
        asked.push(names);
        const ready = await warm(names, check);
        return { items: names.map((name) => itemOf(name, ready)), ready: 0, missing: 0 };
      },
      waitMaxMs: () => waitMaxMs,
      times: { silence: 200, look: 10 },
    });
    await members.renew();
    return { host, warming, members, asked, directory };
  };
}

const all = { hosts: 'all', wait: true } as const;

test('all others are asked, and say how it ended', async () => {
  const start = farmOf();
  const [a, b] = [await start('a'), await start('b')];
  const full = await start('c', { warm: async () => false });
  await a.members.renew();
  expect(await a.warming.ask([file], all)).toEqual([
    { host: 'b', state: 'done', items: [{ item: file.name, ready: true, reason: 'HIT', message: null }] },
    { host: 'c', state: 'done', items: [{ item: file.name, ready: false, reason: 'NO_SPACE', message: 'it does not fit' }] },
  ]);
  expect([a.asked, b.asked, full.asked]).toEqual([[], [[file.name]], [[file.name]]]);
});

test('of several the same are asked each time, and those first that have it', async () => {
  const start = farmOf();
  const a = await start('a');
  for (const host of ['b', 'c', 'd', 'e']) await start(host);
  await a.members.renew();
  const asked = async (from: Awaited<ReturnType<typeof start>>) =>
    (await from.warming.ask([file], { hosts: 3 })).map(({ host }) => host);
  const [first, second] = [await asked(a), await asked(a)];
  expect(first).toHaveLength(2);
  expect(second).toEqual(first);
  const other = ['b', 'c', 'd', 'e'].find((host) => !first.includes(host)) ?? '';
  const knowing = await start('a', { holders: [other] });
  expect(await asked(knowing)).toContain(other);
});

test('a host that is still at it when the time is over is told so; one that says nothing is silent', async () => {
  const never = Promise.withResolvers<boolean>();
  const directory = new MemoryDirectory(() => performance.now());
  const start = farmOf(directory);
  const [a] = [await start('a', { waitMaxMs: 500 }), await start('busy', { warm: () => never.promise })];
  await directory.beat({ ...fact, host: 'old' });
  await a.members.renew();
  expect(await a.warming.ask([file], all)).toMatchObject([
    { host: 'busy', state: 'copying', items: [{ item: file.name, ready: false, reason: null }] },
    { host: 'old', state: 'silent' },
  ]);
  never.resolve(true);
});

test('a host that dies while it copies is silent', async () => {
  const never = Promise.withResolvers<boolean>();
  const start = farmOf();
  const [a, b] = [await start('a'), await start('b', { warm: () => never.promise })];
  await a.members.renew();
  const errand = a.warming.ask([file], all);
  await expect.poll(() => b.asked.length, soon()).toBe(1);
  await b.members[Symbol.asyncDispose]();
  expect(await errand).toMatchObject([{ host: 'b', state: 'silent' }]);
  never.resolve(true);
});

test('letters without the key of the farm, for another host, altered, or left twice are not followed', async () => {
  const start = farmOf();
  const b = await start('b');
  const stranger = new LetterSeal(Buffer.alloc(32, 8), 'a');
  const member = new LetterSeal(key, 'a');
  const letter: Letter = { is: 'warm', id: '1', from: 'a', to: 'b', names: [file.name], check: false };
  const good = member.seal(letter);
  const bad = [
    stranger.seal(letter),
    member.seal({ ...letter, to: 'c' }),
    good.replace('a.safe', 'b.safe'),
    good.slice(1),
    '',
    '{}',
  ];
  b.warming.received(bad);
  b.warming.received([good, good]);
  await expect.poll(() => b.asked.length, soon()).toBe(1);
  b.warming.received([good]);
  expect(b.asked).toEqual([[file.name]]);
});

test('too many files for letters are refused', async () => {
  const a = await farmOf()('a');
  const many = Array.from({ length: 1001 }, () => file);
  await expect(a.warming.ask(many, all)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
});
