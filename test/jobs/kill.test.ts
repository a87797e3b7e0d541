import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { JobView } from '../../src/api/api.ts';
import { Client } from '../../src/cli/client.ts';
import { ChunkHash } from '../../src/codec/chunk-hash.ts';
import { mallocTunables } from '../../src/runtime/huge-pages.ts';
import { parseManifest } from '../../src/tiers/manifest.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { program } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const MiB = 1024 * 1024;

class Running {
  readonly child: ChildProcess;
  readonly lines: Record<string, unknown>[] = [];

  constructor(env: Record<string, string>, cwd: string) {
    this.child = spawn(process.execPath, [program, 'start'], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream)
        createInterface({ input: stream }).on('line', (line) => line.startsWith('{') && this.lines.push(JSON.parse(line)));
    }
    onTestFinished(() => void this.child.kill('SIGKILL'));
  }

  async client(stateDir: string): Promise<Client> {
    await once(this.child.stdout as NodeJS.ReadableStream, 'data');
    return Client.find(stateDir);
  }
}

/** Resolves with the first job event that fits. */
async function until(client: Client, fits: (job: JobView) => boolean): Promise<JobView> {
  const stop = new AbortController();
  for await (const { name, data } of await client.events(stop.signal)) {
    if (!name.startsWith('job-') || !fits(data as JobView)) continue;
    stop.abort();
    return data as JobView;
  }
  throw new Error('the daemon ended');
}

test.each(['hdd', 'nas'])(
  'a daemon that is killed in the middle of a copy from %s goes on where it was, and the copy is its source',
  { tags: 'slow' },
  async (kind) => {
    const dir = tempDir();
    const root = join(dir, 'models');
    const path = join(root, 'checkpoints', 'a.safetensors');
    const bytes = writeModel(path, 200 * MiB + 4711);
    const tier = openPosixTier('ssd', join(dir, 'cache'));
    const stateDir = join(dir, 'state');
    mkdirSync(stateDir);
    const env = {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
      GLIBC_TUNABLES: mallocTunables,
      HOME: dir,
      AUTOCACHE_DIR: tier.dir,
      AUTOCACHE_STATE: stateDir,
      AUTOCACHE_LISTEN: '127.0.0.1:0',
      AUTOCACHE_MIN_FREE: '0B',
      AUTOCACHE_LOG: 'info,json',
      AUTOCACHE_ROOTS: `${root}=${kind}`,
      AUTOCACHE_RATE: '150MiB',
      // Whatever else this machine does with its disk.
      AUTOCACHE_POLITE: 'off',
    };
    const ask = (client: Client) => client.lookup({ path, purpose: 'load', waitMs: 0, client: null });

    const first = new Running(env, dir);
    const client = await first.client(stateDir);
    const midway = until(client, ({ bytesDone }) => bytesDone > 110 * MiB);
    await ask(client);
    const { bytesDone } = await midway;
    const gone = once(first.child, 'exit');
    first.child.kill('SIGKILL');
    expect(await gone).toEqual([null, 'SIGKILL']);
    // Proof that it was killed in the middle: unfinished, unpublished, with a journal.
    const place = tier.placeOf(root, join('checkpoints', 'a.safetensors'));
    expect(bytesDone).toBeLessThan(bytes.length);
    expect(existsSync(place.path)).toBe(false);
    expect(readdirSync(tier.partialDir).filter((name) => /\.part(\.journal)?$/.test(name))).toHaveLength(2);

    const second = new Running(env, dir);
    const again = await second.client(stateDir);
    // It goes on by itself, and may have ended before anybody could listen.
    const isDone = async () => (await again.jobs()).jobs.some(({ state }) => state === 'done');
    await vi.waitUntil(isDone, soon());
    const resuming = second.lines.find(({ msg }) => msg === 'resuming');
    expect(resuming).toMatchObject({ path, bytes: bytes.length });
    expect(resuming?.['from']).toBeGreaterThan(bytesDone - 64 * MiB);
    expect((await ask(again)).reason).toBe('HIT');
    expect(readFileSync(place.path).equals(bytes)).toBe(true);
    const fresh = await ChunkHash.create();
    fresh.update(bytes);
    expect(parseManifest(readFileSync(place.manifestPath, 'utf8'))?.hash).toBe(fresh.digest());
    expect((await again.explain(path)).sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(readdirSync(tier.partialDir)).toEqual([]);
    const ended = once(second.child, 'exit');
    second.child.kill('SIGTERM');
    await ended;
  },
);
