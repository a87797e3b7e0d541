import {
  appendFileSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ChunkHash, chunkSize } from '../../src/codec/chunk-hash.ts';
import { parseRedis } from '../../src/config/redis-servers.ts';
import { Announcements } from '../../src/farm/announcements.ts';
import { contentIdOf } from '../../src/farm/content-id.ts';
import { MemoryDirectory } from '../../src/farm/memory-directory.ts';
import { SharedFiles } from '../../src/farm/shared-files.ts';
import { readableFile } from '../../src/sources/drivers/posix/readable-file.ts';
import { partialPath } from '../../src/tiers/partial.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { writeModel } from '../helpers/files.ts';
import { quiet } from '../helpers/hooks.ts';
import { copyOrder } from '../helpers/orders.ts';
import { eventually } from '../helpers/redis.ts';
import { opensUncached, tempDir } from '../helpers/temp-dir.ts';
import { nasWith } from './farm-hosts.ts';
import { sha256 } from './shared-copy.ts';

const id = 'a'.repeat(64);
const size = 2 * chunkSize + 100;

/** A finished copy of three chunks, as its proof has it. */
async function finished(path = join(tempDir(), 'a.safetensors')) {
  const bytes = writeModel(path, size);
  const hash = await ChunkHash.create();
  hash.update(bytes);
  hash.digest();
  const { mtimeNs, ino } = statSync(path, { bigint: true });
  return { bytes, copy: { path, size, seal: { size, mtimeNs: String(mtimeNs), ino: String(ino) }, digests: hash.chunks } };
}

async function isGiven(files: SharedFiles): Promise<boolean> {
  const file = await files.of(id)?.open([0]);
  await file?.close();
  return file != null;
}

test('a chunk that the disk has damaged is not given, the others are', async () => {
  const { bytes, copy } = await finished();
  const files = new SharedFiles();
  files.finish(id, copy);
  const fd = openSync(copy.path, 'r+');
  writeSync(fd, Buffer.alloc(4), 0, 4, chunkSize + 5);
  closeSync(fd);
  const { seal } = copy;
  utimesSync(copy.path, Number(BigInt(seal.mtimeNs) / 1000n) / 1e6, Number(BigInt(seal.mtimeNs) / 1000n) / 1e6);
  const now = statSync(copy.path, { bigint: true });
  files.finish(id, { ...copy, seal: { ...seal, mtimeNs: String(now.mtimeNs) } });
  const hashes = await Promise.all([0, 1, 2].map((chunk) => files.of(id)?.hash(chunk)));
  expect(hashes).toEqual([sha256(bytes.subarray(0, chunkSize)), undefined, sha256(bytes.subarray(2 * chunkSize))]);
});

test('a copy that a program has written to, or that has left, is not given', async () => {
  const { copy } = await finished();
  const files = new SharedFiles();
  files.finish(id, copy);
  expect(await isGiven(files)).toBe(true);
  appendFileSync(copy.path, 'x');
  expect(await isGiven(files)).toBe(false);
  rmSync(copy.path);
  expect(await isGiven(files)).toBe(false);
});

test('an unfinished copy is given before, while and after it gets its name', async () => {
  const dir = tempDir();
  const [temp, path] = [join(dir, 'temp'), join(dir, 'a.safetensors')];
  const { bytes, copy } = await finished(temp);
  const files = new SharedFiles();
  files.begin({ id, size, chunks: 3, temp, path, hashes: new Map([[1, 'known']]) });
  expect(files.of(id)?.has.size).toBe(1);
  files.of(id)?.gain({ chunk: 0, sha256: sha256(bytes.subarray(0, chunkSize)), cached: true });
  expect(await isGiven(files)).toBe(true);
  renameSync(temp, path);
  expect(await isGiven(files)).toBe(true);
  files.finish(id, { ...copy, path });
  expect(files.whole()).toEqual([id]);
  expect(files.of(id)?.hashes.get(1)).toBe('known');
});

test.runIf(opensUncached())(
  'what was written past the page cache is read past it, while it is unfinished and after',
  async () => {
    const temp = join(tempDir(), 'a.safetensors');
    const { copy } = await finished(temp);
    const files = new SharedFiles();
    files.begin({ id, size, chunks: 3, temp, path: `${temp}.gone`, hashes: new Map() });
    for (const chunk of [0, 1, 2]) files.of(id)?.gain({ chunk, sha256: String(chunk), cached: chunk === 2 });
    const isPast = async (...chunks: number[]) => {
      const file = await files.of(id)?.open(chunks);
      const [, flags = ''] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${file?.fd}`, 'utf8')) ?? [];
      await file?.close();
      return (Number.parseInt(flags, 8) & constants.O_DIRECT) !== 0;
    };
    expect([await isPast(0, 1), await isPast(1, 2), await isPast(2)]).toEqual([true, false, false]);
    files.finish(id, copy);
    expect([await isPast(0, 1), await isPast(2)]).toEqual([true, false]);
  },
);

test('of two copies with the same bytes the other one is given when one leaves', async () => {
  const [one, other] = [await finished(), await finished()];
  const files = new SharedFiles();
  files.finish(id, one.copy);
  files.finish(id, other.copy);
  expect(files.withdraw(id, one.copy.path)).toBe(false);
  rmSync(one.copy.path);
  expect(await isGiven(files)).toBe(true);
  expect(files.withdraw(id, other.copy.path)).toBe(true);
  expect(files.of(id)).toBeUndefined();
});

async function idOf(
  path: string,
  known: { published: string | null; object: string | null } = { published: null, object: null },
) {
  const fd = openSync(path, 'r');
  const { size: length, mtimeNs } = statSync(path, { bigint: true });
  try {
    return await contentIdOf(
      { ...readableFile(fd, path), fingerprint: { size: Number(length), mtimeNs: String(mtimeNs) } },
      known,
    );
  } finally {
    closeSync(fd);
  }
}

test('a host whose farm key was taken away reads the source as if there were no farm', async () => {
  const nas = nasWith(size);
  const tier = openPosixTier('ssd', join(tempDir(), 'cache'));
  const servers = parseRedis('redis://127.0.0.1:1');
  if (servers === null) throw new Error('no address');
  const place = { servers, farm: 'home', host: 'a', keyFile: join(tempDir(), 'farm.key') };
  const source = nas.source();
  const target = tier.placeOf(nas.root, source.rel);
  const farm = {
    place,
    slots: 1,
    trust: 'members' as const,
    small: 0,
    originSpeed: null,
    priority: 'background' as const,
    away: null,
  };
  const temp = partialPath(tier.partialDir, source.path);
  const report = await runCopyJob(copyOrder({ id: 1, source, temp, ...target, network: true, farm }), quiet());
  expect(report.farm).toBeUndefined();
  expect(readFileSync(target.path).equals(nas.bytes)).toBe(true);
});

test('a model has one name on all hosts, wherever it is mounted, and another when its bytes, name or time differ', async () => {
  const bytes = Buffer.alloc(size, 7);
  const at = (rel: string, content: Buffer, seconds: number) => {
    const path = join(tempDir(), rel);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    utimesSync(path, seconds, seconds);
    return path;
  };
  const name = await idOf(at('mnt/nas/a.safetensors', bytes, 1e9));
  expect(await idOf(at('Volumes/models/loras/a.safetensors', bytes, 1e9 + 0.25))).toBe(name);
  const other = Buffer.from(bytes);
  other[size - 1] = 8;
  const others = [at('a.safetensors', other, 1e9), at('b.safetensors', bytes, 1e9), at('a.safetensors', bytes, 1e9 + 1)];
  for (const path of others) expect(await idOf(path)).not.toBe(name);
  const published = { published: 'f'.repeat(64), object: null };
  const [first = '', second = ''] = others;
  expect(await idOf(first, published)).toBe(await idOf(second, published));
  expect(await idOf(first, published)).toMatch(/^[\da-f]{64}$/);
});

test('what a host has whole is said, and all of it again at once when the directory has forgotten it', async () => {
  const directory = new MemoryDirectory(() => performance.now());
  const files = new SharedFiles();
  const announcements = new Announcements({ directory, host: 'a', files, everyMs: 20 });
  onTestFinished(() => announcements[Symbol.asyncDispose]());
  const ids = ['a', 'b', 'c'].map((digit) => digit.repeat(64));
  for (const one of ids) files.finish(one, (await finished()).copy);
  const holders = async () => {
    const states = await Promise.all(
      ids.map((one) => directory.join({ id: one, chunks: 3, origin: '', slots: 0 }, 'b').holders()),
    );
    return states.map((state) => state.holders.map(({ host, has }) => [host, has.size]));
  };
  announcements.begin();
  const all = [[['a', 3]], [['a', 3]], [['a', 3]]];
  await expect.poll(holders, eventually()).toEqual(all);
  directory.flush();
  await expect.poll(holders, eventually()).toEqual(all);
  const [first = ''] = ids;
  const path = files.of(first)?.copies[0]?.path ?? '';
  expect(files.withdraw(first, path)).toBe(true);
  announcements.withdraw(first);
  await expect.poll(holders, eventually()).toEqual([[], ...all.slice(1)]);
});

test('a host says that it claims the rest of what it fetches, as long as the directory takes its word', async () => {
  const directory = new MemoryDirectory(() => performance.now());
  const state: { is: 'there' | 'refusing' | 'silent' } = { is: 'there' };
  let asked = 0;
  const away = async () => {
    asked++;
    if (state.is === 'refusing') throw new Error('read-only');
    return new Promise<never>(() => {});
  };
  const join: MemoryDirectory['join'] = (content, host) => {
    const entry = directory.join(content, host);
    return state.is === 'there' ? entry : Object.assign(entry, { announce: away });
  };
  const files = new SharedFiles();
  const announcements = new Announcements({ directory: { join }, host: 'a', files });
  const [id = '', whole = ''] = ['a', 'b'].map((digit) => digit.repeat(64));
  const { copy } = await finished();
  files.finish(whole, copy);
  files.begin({ id, size: copy.size, chunks: 3, temp: 'temp', path: 'path', hashes: new Map() });
  expect(await announcements.claims(id)).toBe(true);
  expect(await announcements.claims(whole)).toBe(false);
  expect(await announcements.claims('c'.repeat(64))).toBe(false);
  for (const is of ['refusing', 'silent'] as const) {
    state.is = is;
    expect(await announcements.claims(id)).toBe(false);
  }
  expect(asked).toBe(2);
});
