import type { FastifyInstance, InjectOptions } from 'fastify';
import { onTestFinished, vi } from 'vitest';
import type { RootView } from '../../src/api/api.ts';
import { LiveSettings } from '../../src/config/live-settings.ts';
import { createApp } from '../../src/http/app.ts';
import { hostsOf } from '../../src/http/guard.ts';
import type { Services } from '../../src/http/services.ts';
import { policies } from '../../src/policy/policies.ts';
import { PublishedCheck } from '../../src/upkeep/published.ts';
import { Scrub } from '../../src/upkeep/scrub.ts';
import { OpenSources } from '../../src/usage/open-sources.ts';
import { PageCache } from '../../src/usage/page-cache.ts';
import { Learned } from '../../src/workflow/learned.ts';
import { Workflows } from '../../src/workflow/workflows.ts';
import { load } from '../config/load.ts';
import { createLookupRig, type LookupRigOptions } from './lookup-rig.ts';
import { surroundings } from './rig.ts';

const port = 8189;
const token = 'f'.repeat(64);

/** Everything that the routes serve, over the rig; settings are the real ones, roots are one. */
export function createRooms(options: LookupRigOptions = {}) {
  const rig = createLookupRig(options);
  const settings = new LiveSettings(load(), rig.catalog.settings);
  const root: RootView = {
    path: rig.root,
    kind: 'hdd',
    kindFrom: 'configured',
    categories: [],
    origin: 'config',
    health: 'ok',
    why: null,
    files: null,
  };
  const stop = vi.fn();
  const workflows = new Workflows({
    files: async () => [],
    categories: () => ['loras'],
    objectInfo: () => null,
    learned: new Learned([], () => {}),
  });
  const scrub = new Scrub({ ...rig, recopy: async () => false, onMeasured: () => {}, onIdentified: () => {}, periodMs: null });
  onTestFinished(() => scrub[Symbol.asyncDispose]());
  const rooms: Services = {
    version: '1.2.3',
    startedAt: rig.clock.monotonic(),
    clock: rig.clock,
    log: rig.log,
    events: rig.events,
    catalog: rig.catalog,
    lookup: rig.lookup,
    lookupStats: rig.stats,
    leases: rig.leases,
    stuck: new OpenSources(rig),
    comfyuiFree: 'auto',
    copier: rig.copier,
    evictor: rig.evictor,
    tiers: rig.tiers,
    bound: () => rig.bound,
    policy: () => policies[settings.current.policy](surroundings),
    settings: {
      mode: () => settings.current.mode,
      describe: () => settings.describe(),
      notices: ['ARENA_CACHE_ROOT is understood as AUTOCACHE_DIR'],
      warnings: [],
      change: (change) => {
        settings.change(change);
        rig.sources.mode = settings.current.mode;
      },
    },
    roots: { list: () => [root], locate: (path) => rig.deps.locate(path), register: vi.fn(async () => [root]) },
    requestCopy: (request) => rig.copier.request(request),
    memory: { promote: null, pageCache: new PageCache() },
    workflows,
    scrub,
    published: new PublishedCheck({ ...rig, published: async () => null }),
    waitMaxMs: 30_000,
    stop,
  };
  return { ...rig, rooms, stop, settings };
}

/** The app without a port, and a client that has the token and is who it says it is. */
export function createClient(options: LookupRigOptions = {}) {
  const rig = createRooms(options);
  const app = createApp(rig.rooms, { token, hosts: hostsOf('127.0.0.1', port) });
  onTestFinished(() => app.close());
  return { ...rig, app, token, ...clientOf(app) };
}

function clientOf(app: FastifyInstance) {
  const headers = { host: `127.0.0.1:${port}`, authorization: `Bearer ${token}` };
  /** Any request, with the headers given in place of the usual ones; `undefined` leaves one out. */
  const send = async (request: Omit<InjectOptions, 'headers'> & { headers?: Record<string, string | undefined> }) => {
    const all = Object.entries({ ...headers, ...request.headers }).filter(([, value]) => value !== undefined);
    const response = await app.inject({ ...request, headers: Object.fromEntries(all) as Record<string, string> });
    return { status: response.statusCode, body: response.json<unknown>(), headers: response.headers };
  };
  const get = (url: string) => send({ method: 'GET', url });
  const post = (url: string, payload?: object) => send({ method: 'POST', url, ...(payload && { payload }) });
  return { send, get, post };
}
