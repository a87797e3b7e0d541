import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isPlaceholder, type RemoteObject } from '../../src/remotes/placeholder.ts';
import { Placeholders, removeOthers } from '../../src/remotes/placeholders.ts';
import { createLog } from '../../src/runtime/log.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const GiB = 2 ** 30;
const log = createLog({ level: 'silent', form: 'json' });
const address = 's3://bucket/models';

function object(size: number, seconds = 1_700_000_000): RemoteObject {
  return { size, mtimeNs: `${seconds}000000000` };
}

async function opened(directory = join(tempDir(), 'main')) {
  const placeholders = new Placeholders({ directory, address, log });
  await placeholders.open();
  return {
    directory,
    placeholders,
    renew: (listed: Record<string, RemoteObject>) => placeholders.renew(new Map(Object.entries(listed))),
  };
}

function textOf(path: string): string {
  chmodSync(path, 0o600);
  const text = readFileSync(path).toString('latin1');
  chmodSync(path, 0);
  return text;
}

describe('the placeholder of a model', () => {
  test('has its size and time, takes no room, and is no file that a loader opens', async () => {
    const { directory, renew } = await opened();
    const path = join(directory, 'checkpoints/a.safetensors');
    expect(await renew({ 'checkpoints/a.safetensors': object(6 * GiB) })).toBe(1);
    const { size, mtimeMs, blocks, mode } = statSync(path);
    expect({ size, mtimeMs, mode: mode & 0o777 }).toEqual({ size: 6 * GiB, mtimeMs: 1_700_000_000_000, mode: 0 });
    expect(blocks * 512).toBeLessThan(65_536);
    expect(await isPlaceholder(path)).toBe(true);
  });

  test('begins with a sentence that names its place, never with a header', async () => {
    const { directory, renew } = await opened();
    await renew({ 'a.safetensors': object(1000), 'tiny.pt': object(5) });
    const text = textOf(join(directory, 'a.safetensors'));
    expect(text).toMatch(/^autocached placeholder: this model lies in s3:\/\/bucket\/models\..*Start autocached\.\n\0+$/s);
    // The length of a header that no loader takes.
    expect(Buffer.from(text.slice(0, 8), 'latin1').readBigUInt64LE()).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER));
    expect(textOf(join(directory, 'tiny.pt'))).toBe('autoc');
  });

  test('follows its object, and is not made anew while that stays', async () => {
    const { directory, renew } = await opened();
    const inode = () => lstatSync(join(directory, 'a.pt')).ino;
    await renew({ 'a.pt': object(1000) });
    const before = inode();
    expect(await renew({ 'a.pt': object(1000) })).toBe(0);
    expect(inode()).toBe(before);
    expect(await renew({ 'a.pt': object(2000) })).toBe(1);
    expect(await renew({ 'a.pt': object(2000, 1_700_000_001) })).toBe(1);
    expect(statSync(join(directory, 'a.pt'))).toMatchObject({ size: 2000, mtimeMs: 1_700_000_001_000 });
  });
});

describe('a model that is listed no more', () => {
  test('keeps its placeholder through one listing without it, and loses it with the second', async () => {
    const { directory, renew } = await opened();
    const path = join(directory, 'loras/a.pt');
    await renew({ 'loras/a.pt': object(10), 'b.pt': object(10) });
    await renew({ 'b.pt': object(10) });
    expect(existsSync(path)).toBe(true);
    await renew({ 'loras/a.pt': object(10), 'b.pt': object(10) });
    await renew({ 'b.pt': object(10) });
    expect(existsSync(path)).toBe(true);
    await renew({ 'b.pt': object(10) });
    expect(existsSync(path)).toBe(false);
  });

  test('is not gone because a listing is empty', async () => {
    const { directory, renew } = await opened();
    await renew({ 'a.pt': object(10) });
    for (let times = 0; times < 3; times++) expect(await renew({})).toBe(0);
    expect(existsSync(join(directory, 'a.pt'))).toBe(true);
  });
});

describe('files of others', () => {
  test('stay where a placeholder would be, and when the remote goes', async () => {
    const { directory, renew } = await opened();
    mkdirSync(join(directory, 'loras'));
    const own = join(directory, 'loras/own.safetensors');
    writeFileSync(own, 'a model that was downloaded here');
    const closed = join(directory, 'loras/closed.safetensors');
    writeFileSync(closed, 'closed by its owner', { mode: 0 });
    chmodSync(closed, 0);
    await renew({
      'loras/own.safetensors': object(10),
      'loras/closed.safetensors': object(10),
      'loras/a.pt': object(10),
      'x/y/b.pt': object(10),
    });
    await renew({ 'loras/a.pt': object(10) });
    await renew({ 'loras/a.pt': object(10) });
    await removeOthers(join(directory, '..'), []);
    expect(readFileSync(own, 'utf8')).toBe('a model that was downloaded here');
    expect(textOf(closed)).toBe('closed by its owner');
    expect(readdirSync(directory, { recursive: true }).toSorted()).toEqual([
      'loras',
      'loras/closed.safetensors',
      'loras/own.safetensors',
    ]);
  });

  test('outside are not reached through a link', async () => {
    const outside = tempDir();
    const { directory, renew } = await opened();
    symlinkSync(outside, join(directory, 'loras'));
    symlinkSync(join(outside, 'target'), join(directory, 'a.pt'));
    await renew({ 'loras/x.pt': object(10), 'a.pt': object(10), 'b.pt': object(10) });
    expect(readdirSync(outside)).toEqual([]);
    expect(lstatSync(join(directory, 'a.pt')).isSymbolicLink()).toBe(true);
    expect(existsSync(join(directory, 'b.pt'))).toBe(true);
  });
});

test('of two names that differ by case only, the first one is shown', async () => {
  const { directory, renew } = await opened();
  await renew({ 'loras/A.pt': object(10), 'loras/a.pt': object(20) });
  expect(readdirSync(join(directory, 'loras'))).toEqual(['A.pt']);
});

test('a remote that is no longer configured loses its placeholders and its folder, another one keeps them', async () => {
  const places = tempDir();
  const gone = await opened(join(places, 'gone-1'));
  const kept = await opened(join(places, 'kept-1'));
  for (const { renew } of [gone, kept]) await renew({ 'vae/a.pt': object(10) });
  writeFileSync(join(gone.directory, '.making'), 'left by a crash');
  await removeOthers(places, [kept.directory]);
  expect(readdirSync(places)).toEqual(['kept-1']);
  expect(existsSync(join(kept.directory, 'vae/a.pt'))).toBe(true);
});
