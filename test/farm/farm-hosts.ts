import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { parseRedis } from '../../src/config/redis-servers.ts';
import type { FarmTrust } from '../../src/core/farm.ts';
import type { Priority, SourceFile } from '../../src/core/types.ts';
import { contentIdOf } from '../../src/farm/content-id.ts';
import { makeFarmKey, readFarmKey } from '../../src/farm/farm-key.ts';
import type { FarmLink } from '../../src/farm/farm-link.ts';
import type { FarmNote } from '../../src/farm/farm-order.ts';
import type { FarmPlace } from '../../src/farm/farm-place.ts';
import { PeerClient } from '../../src/farm/peer-client.ts';
import { PeerServer, type SharedContent } from '../../src/farm/peer-server.ts';
import { ownVersions, type WireVersions } from '../../src/farm/peer-wire.ts';
import { RedisDirectory } from '../../src/farm/redis-directory.ts';
import { SharedFiles } from '../../src/farm/shared-files.ts';
import { SmallFiles } from '../../src/farm/small-files.ts';
import { RedisLink } from '../../src/redis/link.ts';
import { createLog } from '../../src/runtime/log.ts';
import type { SourceDriver } from '../../src/sources/driver.ts';
import { posixDriver } from '../../src/sources/drivers/posix/posix-driver.ts';
import { partialPath } from '../../src/tiers/partial.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import type { CopyHooks } from '../../src/transfer/each-block.ts';
import type { CopyReport } from '../../src/transfer/messages.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { fingerprintOf, writeModel } from '../helpers/files.ts';
import { quiet } from '../helpers/hooks.ts';
import { copyOrder } from '../helpers/orders.ts';
import { patience } from '../helpers/patience.ts';
import { eventually, type RedisServer } from '../helpers/redis.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const log = createLog({ level: 'silent', form: 'json' });
const links = new Map<string, Promise<FarmLink>>();

/** In place of the program's own: a busy machine is given the time that it takes. */
export function patientLink(place: FarmPlace): Promise<FarmLink> {
  const known = links.get(place.host);
  if (known) return known;
  const open = async () => {
    const link = new RedisLink({ servers: place.servers, log, purpose: 'tests', pauses: { first: 200, most: 500 } });
    await link.tried;
    const times = { connect: patience(2000), firstByte: patience(2000), stall: patience(4000) };
    const peers = new PeerClient({ host: place.host, key: readFarmKey(place.keyFile), times });
    const small = new SmallFiles(link, place.farm, readFarmKey(place.keyFile));
    return { directory: new RedisDirectory(link, place.farm, patience(1000)), peers, small };
  };
  const opened = open();
  links.set(place.host, opened);
  return opened;
}

/** A NAS with one model, which every host of the farm reads. */
export function nasWith(size: number) {
  const root = join(tempDir(), 'nas');
  const path = join(root, 'checkpoints', 'a.safetensors');
  const bytes = writeModel(path, size);
  const source = (): SourceFile => ({
    path,
    root,
    rel: 'checkpoints/a.safetensors',
    category: null,
    fingerprint: fingerprintOf(path),
  });
  return { root, path, bytes, size, source };
}

export type Nas = ReturnType<typeof nasWith>;

export interface HostOptions {
  /** What it gives, in place of what it has. */
  gives?: (content: SharedContent) => SharedContent;
  /** Waits before each piece that it gives. */
  turn?: (bytes: number) => Promise<number>;
  /** The versions that it says it speaks. */
  wire?: WireVersions;
  /** Where others reach it, in place of its own listener at this port; null = it only takes. */
  url?: string | null | ((port: number, host: string) => Promise<string>);
  /** The address of the Redis, as this host reaches it. */
  redisUrl?: string;
}

let hosts = 0;

/** Hosts of one farm, each with its own cache, in this process. */
export function farmOn(redis: RedisServer) {
  const keyFile = join(tempDir(), 'farm.key');
  makeFarmKey(keyFile);

  return async (options: HostOptions = {}) => {
    const name = `h${++hosts}-`;
    const servers = parseRedis(options.redisUrl ?? redis.url);
    if (servers === null) throw new Error('no address');
    const place: FarmPlace = { servers, farm: 'home', host: name, keyFile };
    const files = new SharedFiles();
    const { gives = (content) => content, turn = async (bytes) => bytes, wire = ownVersions } = options;
    const server = await PeerServer.listen({
      farm: 'home',
      host: name,
      key: readFarmKey(keyFile),
      listen: { host: '127.0.0.1', port: 0 },
      contentOf: (id) => {
        const content = files.of(id);
        return content && gives(content);
      },
      turn,
      log,
    });
    let isUp = true;
    const stop = async () => {
      if (isUp) await server[Symbol.asyncDispose]();
      isUp = false;
    };
    onTestFinished(stop);
    const { directory, small: smallFiles } = await patientLink(place);
    const own = `https://127.0.0.1:${server.port}`;
    const url = typeof options.url === 'function' ? await options.url(server.port, name) : options.url;
    const facts = { host: name, url: url === undefined ? own : url, version: '1', wire, weight: 1 };
    const beat = () => directory.beat({ ...facts, originBytes: 0, receivedBytes: 0, givenBytes: 0 });
    await expect.poll(() => beat().then(() => 'said', String), eventually()).toBe('said');
    const beats = setInterval(() => void beat().catch(() => {}), 2000);
    onTestFinished(() => clearInterval(beats));
    const tier = openPosixTier('ssd', join(tempDir(), 'cache'));
    const notes: FarmNote[] = [];
    const heard = new Set<(note: FarmNote) => void>();

    const copy = async (
      nas: Nas,
      {
        driver,
        signal,
        ask,
        away = null,
        source = nas.source(),
        trust = 'members',
        small = 0,
        originSpeed = null,
        priority = 'background',
        urgent = () => false,
        progress = () => {},
      }: CopyOptions = {},
    ): Promise<CopyReport> => {
      const target = tier.placeOf(nas.root, source.rel);
      const order = copyOrder({
        id: 1,
        source,
        temp: partialPath(tier.partialDir, source.path),
        ...target,
        network: true,
        farm: { place, slots: 4, originSpeed, trust, small, priority, away },
      });
      let id = '';
      const farm = async (note: FarmNote) => {
        notes.push(note);
        if (note.is === 'begun') {
          id = note.content.id;
          files.begin({ ...note, id, chunks: note.content.chunks, path: target.path });
        }
        if (note.is === 'gained') files.of(id)?.gain(note);
        for (const hears of heard) hears(note);
      };
      const hooks = { ...quiet(), farm, urgent, progress, ...(signal && { signal }), ...(ask && { ask, paced: () => true }) };
      return runCopyJob(order, hooks, driver && (() => driver));
    };
    return {
      name,
      directory,
      small: smallFiles,
      server,
      files,
      notes,
      copy,
      stop,
      /** Resolves with the first note of this kind from here on. */
      next: (is: FarmNote['is']) => new Promise<FarmNote>((resolve) => heard.add((note) => note.is === is && resolve(note))),
      bytes: (nas: Nas) => readFileSync(tier.placeOf(nas.root, nas.source().rel).path),
    };
  };
}

export interface CopyOptions {
  driver?: SourceDriver;
  signal?: AbortSignal;
  away?: { content: string; hash: string } | null;
  source?: SourceFile;
  trust?: FarmTrust;
  small?: number;
  originSpeed?: number | null;
  priority?: Priority;
  /** Whether a program waits for it. */
  urgent?: CopyHooks['urgent'];
  progress?: CopyHooks['progress'];
  /** Asked before each step. */
  ask?: CopyHooks['ask'];
}

/** A driver whose reads wait before each block. */
export function slowDriver(root: string, wait: (position: number) => Promise<void>): SourceDriver {
  const driver = posixDriver({ root, network: true });
  return {
    ...driver,
    async open(file, how) {
      const { fd: _, ...open } = await driver.open(file, how);
      return {
        ...open,
        async read(into, position) {
          await wait(position);
          return open.read(into, position);
        },
      };
    },
  };
}

/** Bytes that these copies read from the origin. */
export function originBytes(reports: readonly CopyReport[]): number {
  return reports.reduce((sum, { farm }) => sum + (farm?.originBytes ?? 0), 0);
}

/** The name of the model's content in the farm. */
export async function idOf({ root, source }: Nas): Promise<string> {
  const file = await posixDriver({ root, network: true }).open(source());
  const id = await contentIdOf(file, { published: null, object: null });
  await file.close();
  return id;
}
