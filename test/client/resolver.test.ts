import { mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createResolver, type Resolution, type Resolver, type ResolverOptions } from '../../src/index.ts';
import { type FakeDaemon, refuse, startFakeDaemon } from '../cli/fake-daemon.ts';
import { hit } from '../cli/samples.ts';
import { patience } from '../helpers/patience.ts';

const key = 'POST /api/lookup';

let dir: string;
let source: string;
let copy: string;
let daemon: FakeDaemon;
let resolver: Resolver;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'autocached-resolver-'));
  source = join(dir, 'source.safetensors');
  copy = join(dir, 'copy.safetensors');
  await writeFile(source, 'weights');
  await writeFile(copy, 'weights');
  daemon = await startFakeDaemon({ [key]: () => ({ ...hit, path: copy }) });
  resolver = newResolver();
});

afterEach(async () => {
  vi.useRealTimers();
  resolver.close();
  await daemon[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** With time enough for a busy machine; the tests of what hangs say less. */
function newResolver(options: ResolverOptions = {}): Resolver {
  return createResolver({ stateDir: daemon.stateDir, timeoutMs: { connect: 5_000, answer: 5_000 }, ...options });
}

function unchanged(path: string): Resolution {
  return { path, tier: null, reason: 'ERROR', leaseMs: 0, job: null };
}

describe('with a daemon', () => {
  test('a file is opened from its copy', async () => {
    expect(await resolver.resolve(source)).toEqual({ path: copy, tier: 'ssd', reason: 'HIT', leaseMs: 600_000, job: null });
  });

  test('the daemon is told all that it would have to find out', async () => {
    const { mtimeNs, ctimeNs } = await stat(source, { bigint: true });
    await resolver.resolve(source, { category: 'loras', name: 'a', purpose: 'metadata', waitMs: 30 });
    expect(daemon.asked[0]?.body).toEqual({
      path: source,
      size: 7,
      mtimeNs: String(mtimeNs),
      ctimeNs: String(ctimeNs),
      category: 'loras',
      name: 'a',
      purpose: 'metadata',
      waitMs: 30,
      client: { app: 'node', pid: process.pid },
    });
  });

  test('a file without a copy is opened where it is, and the reason is passed on', async () => {
    daemon.routes[key] = () => ({ ...hit, path: source, tier: 'nas', reason: 'QUEUED', leaseMs: 0 });
    expect(await resolver.resolve(source)).toMatchObject({ path: source, tier: 'nas', reason: 'QUEUED' });
  });

  test('a copy serves in place of a source that is away, whose size nobody can tell', async () => {
    await rm(source);
    daemon.routes[key] = () => ({ ...hit, path: copy, reason: 'HIT_OFFLINE' });
    expect(await resolver.resolve(source)).toMatchObject({ path: copy, reason: 'HIT_OFFLINE' });
    expect(daemon.asked[0]?.body).not.toHaveProperty('size');
  });

  test('it may wait for a copy for longer than an answer may take', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let send = () => {};
    const asked = new Promise<void>((wasAsked) => {
      daemon.routes[key] = (_asked, response) => {
        send = () => response.end(JSON.stringify({ ...hit, path: copy }));
        wasAsked();
      };
    });
    const answer = resolver.resolve(source, { waitMs: 60_000 });
    await asked;
    vi.advanceTimersByTime(64_000);
    send();
    expect(await answer).toMatchObject({ path: copy });
  });

  test('that closed the kept connection meanwhile, a lookup goes over a new one', async () => {
    let lookups = 0;
    daemon.routes[key] = (_asked, response) => {
      lookups++;
      if (lookups === 2) return void response.socket?.resetAndDestroy();
      return { ...hit, path: copy };
    };
    await resolver.resolve(source);
    expect(await resolver.resolve(source)).toMatchObject({ path: copy });
    expect(lookups).toBe(3);
  });
});

describe('an answer that is not true is not followed', () => {
  test('a copy of another size', async () => {
    await writeFile(copy, 'half');
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
  });

  test('a copy that is gone', async () => {
    await rm(copy);
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
  });

  test('a directory', async () => {
    await rm(source);
    await rm(copy);
    await mkdir(copy);
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
  });

  test('an empty file, when the size of the source is not known', async () => {
    await rm(source);
    await writeFile(copy, '');
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
  });

  test.skipIf(process.platform === 'win32')('a link', async () => {
    await rename(copy, join(dir, 'elsewhere'));
    await symlink(join(dir, 'elsewhere'), copy);
    await rm(source);
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
  });

  test.each([
    ['not JSON', 'weights'],
    ['JSON of something else', '[]'],
    ['nothing', 'null'],
    ['a relative path', JSON.stringify({ ...hit, path: 'copy' })],
    ['a reason nobody knows', JSON.stringify({ ...hit, reason: 'BECAUSE' })],
  ])('%s', async (_what, text) => {
    daemon.routes[key] = (_asked, response) => void response.end(text);
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
  });
});

describe('without a daemon every file is opened where it is', () => {
  test('when none was ever started', async () => {
    const alone = createResolver({ stateDir: join(dir, 'nothing') });
    expect(await alone.resolve(source)).toEqual(unchanged(source));
    expect(await alone.resolve('relative.ckpt')).toEqual(unchanged('relative.ckpt'));
  });

  test('when it died', async () => {
    await daemon.die();
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
  });

  test('when it refuses', async () => {
    daemon.routes[key] = (_asked, response) => refuse(response, 400, { code: 'BAD_REQUEST', message: 'no' });
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
    daemon.routes[key] = () => ({ ...hit, path: copy });
    expect(await resolver.resolve(source)).toMatchObject({ path: copy });
  });

  test('when what is asked for is no path at all', async () => {
    const nonsense = undefined as unknown as string;
    expect(await resolver.resolve(nonsense)).toEqual(unchanged(nonsense));
  });

  test('when it hangs; and then it is left alone for a while', async () => {
    await using hung = await startHungServer();
    await daemon.writeDaemonFile({ url: hung.url });
    resolver.close();
    resolver = newResolver({ timeoutMs: { connect: 5_000, answer: 20 } });
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
    expect(hung.connections()).toBe(1);
    for (let turn = 0; turn < 5; turn++) expect(await resolver.resolve(source)).toEqual(unchanged(source));
    expect(hung.connections()).toBe(1);
  });

  test('when its answer never ends', async () => {
    daemon.routes[key] = (_asked, response) => {
      response.write('{"path":');
    };
    resolver.close();
    resolver = newResolver({ timeoutMs: { connect: 5_000, answer: 50 } });
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
  });
});

describe('a daemon that is back serves again', () => {
  test('at once when it has written a new daemon.json', async () => {
    await using hung = await startHungServer();
    await daemon.writeDaemonFile({ url: hung.url });
    resolver.close();
    resolver = newResolver({ timeoutMs: { connect: 5_000, answer: patience(500) } });
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
    await daemon.writeDaemonFile({ version: '0.2.0' });
    expect(await resolver.resolve(source)).toMatchObject({ path: copy });
  });

  test('after the pause when it only was in trouble', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    daemon.routes[key] = (_asked, response) => refuse(response, 500, { code: 'INTERNAL', message: 'in trouble' });
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
    daemon.routes[key] = () => ({ ...hit, path: copy });
    vi.advanceTimersByTime(1_999);
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
    vi.advanceTimersByTime(1);
    expect(await resolver.resolve(source)).toMatchObject({ path: copy });
  });

  test('when each of its answers takes longer than a daemon on a quiet machine may take', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    resolver.close();
    const usualMs = patience(20);
    resolver = newResolver({ timeoutMs: { connect: 5_000, answer: usualMs } });
    daemon.routes[key] = async () => {
      await sleep(2.2 * usualMs);
      return { ...hit, path: copy };
    };
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
    const late: string[] = [];
    for (let found = source; found !== copy && late.length < 6; vi.advanceTimersByTime(10_000)) {
      found = (await resolver.resolve(source)).path;
      late.push(found);
    }
    expect(late.at(-1)).toBe(copy);
    // And it is not late again at the next load.
    for (let load = 0; load < 3; load++) expect(await resolver.resolve(source)).toMatchObject({ path: copy });
  });

  test('after the pause when its token is another one', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    await writeFile(join(daemon.stateDir, 'token'), 'e'.repeat(64));
    expect(await resolver.resolve(source)).toEqual(unchanged(source));
    await daemon.writeDaemonFile();
    vi.advanceTimersByTime(2_000);
    expect(await resolver.resolve(source)).toMatchObject({ path: copy });
  });
});

/** Accepts connections and says nothing. */
async function startHungServer() {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => sockets.length,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
