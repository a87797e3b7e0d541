import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseRemotes } from '../../src/config/remotes.ts';
import { CacheError } from '../../src/core/errors.ts';
import { Roots } from '../../src/roots/registry.ts';
import { RemoteRoots } from '../../src/roots/remote-roots.ts';
import { RootKeeper } from '../../src/roots/root-keeper.ts';
import type { KnownFile } from '../../src/roots/scan.ts';
import { createLog } from '../../src/runtime/log.ts';
import type { ListedFile, SourceClient } from '../../src/sources/client.ts';
import type { Root } from '../../src/sources/root.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const log = createLog({ level: 'silent', form: 'json' });

/** A remote whose objects a test puts and takes, behind the reader of sources. */
async function aRemote(config = 'main=s3://bucket/models', stateDir = tempDir()) {
  const objects = new Map<string, number>();
  const trouble = { away: false, halfWay: false };
  const requests: string[] = [];
  const clock = new ManualClock();
  const roots = new Roots();
  const fingerprint = (size: number) => ({ size, mtimeNs: '1700000000000000000', ino: null });
  const away = () => new CacheError('SOURCE_AWAY', 'the bucket does not answer');
  const host = {
    identify: async () => (trouble.away ? { state: 'away', why: 'no answer', facts: null } : { state: 'ok', facts: null }),
    stat: async (path: string) => {
      requests.push(path);
      return objects.has(path.slice(root().path.length + 1)) ? { state: 'present' } : { state: 'missing' };
    },
    walk: async (of: Root, { onFiles }: { onFiles(files: ListedFile[]): void }) => {
      requests.push('list');
      const files = [...objects].map(([key, size]) => ({ path: `${of.path}/${key}`, fingerprint: fingerprint(size) }));
      onFiles(trouble.halfWay ? files.slice(0, 1) : files);
      if (trouble.halfWay) throw away();
      return { files: files.length, bytes: 0, directories: [], failures: [], foreign: [] };
    },
  } as unknown as SourceClient;
  const known: KnownFile[] = [];
  const keeper = new RootKeeper({
    roots,
    host,
    log,
    clock,
    known: () => [known],
    find: () => undefined,
    onListed: (of, files) => remotes.listed(of, files),
    onChange: (path, state) => state.state === 'missing' && remotes.gone(path),
    onHealth: () => {},
    rescanMs: 600_000,
    remoteListMs: 900_000,
  });
  onTestFinished(() => keeper[Symbol.asyncDispose]());
  const remotes = new RemoteRoots({
    remotes: parseRemotes(config),
    stateDir,
    copiesOf: (of) => join('/cache/files', basename(of)),
    roots,
    scan: (of) => keeper.scan(of),
    clock,
    log,
  });
  await remotes.open();
  const root = (): Root => {
    const [first] = roots.list();
    if (!first) throw new Error('there is no root');
    return first;
  };
  const shown = () =>
    readdirSync(root().path, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.\w+$/.test(name))
      .toSorted();
  return { objects, trouble, requests, clock, roots, keeper, remotes, known, root, shown, stateDir };
}

test('the models of a bucket are listed as files below its directory, and nothing else is', async () => {
  const { objects, keeper, root, shown, roots } = await aRemote();
  objects.set('checkpoints/a.safetensors', 1000).set('README.md', 10).set('../escaped.pt', 10).set('loras/..\\x.pt', 10);
  await keeper.scan(root());
  expect(shown()).toEqual(['checkpoints/a.safetensors']);
  expect(roots.find(join(root().path, 'checkpoints/a.safetensors'))).toMatchObject({ category: 'checkpoints', medium: 's3' });
});

test('of a remote with list=, only the files that match are shown', async () => {
  const { objects, keeper, root, shown } = await aRemote('main=s3://bucket?list={vae,loras}/*.safetensors');
  objects.set('vae/a.safetensors', 10).set('vae/a.pt', 10).set('checkpoints/a.safetensors', 10);
  await keeper.scan(root());
  expect(shown()).toEqual(['vae/a.safetensors']);
});

test('a remote is of one category with to=, whatever its name and its folders are', async () => {
  const { roots, root } = await aRemote('loras=hf://org/repo?to=vae');
  expect(roots.find(join(root().path, 'deep/a.safetensors'))?.category).toBe('vae');
  const other = await aRemote('loras=s3://bucket');
  expect(other.roots.find(join(other.root().path, 'a.safetensors'))?.category).toBeNull();
});

test('an outage half-way through a listing changes nothing, and an empty listing neither', async () => {
  const { objects, trouble, keeper, root, shown } = await aRemote();
  objects.set('vae/a.pt', 10).set('vae/b.pt', 20);
  await keeper.scan(root());
  trouble.halfWay = true;
  for (let times = 0; times < 3; times++) await expect(keeper.scan(root())).rejects.toThrow('does not answer');
  trouble.halfWay = false;
  objects.clear();
  for (let times = 0; times < 3; times++) await keeper.scan(root());
  expect(shown()).toEqual(['vae/a.pt', 'vae/b.pt']);
});

test('a model that the catalog knows is gone as soon as its own key is', async () => {
  const { objects, keeper, root, shown, known } = await aRemote();
  objects.set('vae/a.pt', 10).set('vae/b.pt', 20);
  await keeper.scan(root());
  const path = join(root().path, 'vae/a.pt');
  known.push({ id: 1, path, fingerprint: { size: 10, mtimeNs: '1700000000000000000', ino: null } });
  objects.delete('vae/a.pt');
  await keeper.scan(root());
  await expect.poll(shown, soon()).toEqual(['vae/b.pt']);
});

test('what is listed is known without a request, and what is new is found by its name', async () => {
  const { objects, keeper, root, remotes, requests, clock } = await aRemote();
  objects.set('vae/a.pt', 10);
  await keeper.scan(root());
  const path = (name: string) => join(root().path, 'vae', name);
  requests.length = 0;
  expect(await remotes.stat(path('a.pt'), 'loader')).toEqual({
    state: 'present',
    fingerprint: { size: 10, mtimeNs: '1700000000000000000', ino: null },
  });
  // The listing is as good as new.
  expect(await remotes.stat(path('b.pt'), 'command')).toEqual({ state: 'missing' });
  expect(requests).toEqual([]);
  objects.set('vae/b.pt', 20);
  clock.advance(10_000);
  expect(await remotes.stat(path('b.pt'), 'command')).toMatchObject({ state: 'present', fingerprint: { size: 20 } });
  expect(requests).toEqual(['list']);
});

test('many misses by name at once list the remote once', async () => {
  const { objects, root, remotes, requests } = await aRemote();
  objects.set('vae/a.pt', 10);
  const names = ['a.pt', 'b.pt', 'c.pt'].map((name) => join(root().path, 'vae', name));
  const states = await Promise.all(names.map((path) => remotes.stat(path, 'command')));
  expect(states.map((one) => one?.state)).toEqual(['present', 'missing', 'missing']);
  expect(requests).toEqual(['list']);
});

test('a remote that does not answer is away, and what was listed stays', async () => {
  const { objects, trouble, keeper, root, remotes, clock } = await aRemote();
  objects.set('vae/a.pt', 10);
  await keeper.scan(root());
  trouble.away = true;
  clock.advance(3_600_000);
  expect(await remotes.stat(join(root().path, 'vae/b.pt'), 'command')).toMatchObject({ state: 'away' });
  expect(await remotes.stat(join(root().path, 'vae/a.pt'), 'command')).toMatchObject({ state: 'present' });
});

test('the remotes that are there are not asked between their listings: each request may cost money', async () => {
  const { objects, keeper, requests, clock } = await aRemote();
  objects.set('vae/a.pt', 10);
  await keeper.look();
  clock.advance(899_000);
  await keeper.look();
  expect(requests).toEqual(['list']);
  clock.advance(2_000);
  await keeper.look();
  expect(requests).toEqual(['list', 'list']);
});

test('another address under the same name is another directory, and the placeholders of the former one leave', async () => {
  const before = await aRemote('m=hf://org/repo@v1?to=vae');
  before.objects.set('a.pt', 10);
  await before.keeper.scan(before.root());
  const after = await aRemote('m=hf://org/repo@v2?to=vae', before.stateDir);
  expect(after.root().path).not.toBe(before.root().path);
  expect(existsSync(before.root().path)).toBe(false);
  const { folders } = JSON.parse(readFileSync(join(after.stateDir, 'remotes/folders.json'), 'utf8'));
  const copies = join('/cache/files', basename(after.root().path));
  expect(folders).toEqual([{ name: 'm', path: after.root().path, category: 'vae', copies }]);
});
