import type { FastifyInstance, InjectOptions } from 'fastify';
import { onTestFinished, vi } from 'vitest';
import type { RootView } from '../../src/api/api.ts';
import { openForesight } from '../../src/compose/foresight.ts';
import { openMemo } from '../../src/compose/memo.ts';
import { openPresets } from '../../src/compose/presets.ts';
import { openPrompts } from '../../src/compose/prompts.ts';
import { openUpkeep } from '../../src/compose/upkeep.ts';
import { openVariants } from '../../src/compose/variants.ts';
import { ServedSettings } from '../../src/config/served-settings.ts';
import { createApp } from '../../src/http/app.ts';
import { furtherHosts, hostsOf } from '../../src/http/guard.ts';
import type { Services } from '../../src/http/services.ts';
import { policies } from '../../src/policy/policies.ts';
import { load } from '../config/load.ts';
import { checkAnswers } from './answer-check.ts';
import { createLookupRig, type LookupRigOptions } from './lookup-rig.ts';
import { policyContext } from './rig.ts';
import { tempDir } from './temp-dir.ts';

const port = 8189;
const token = 'f'.repeat(64);

interface ServicesOptions extends LookupRigOptions {
  /** By the names of their keys. */
  settings?: Record<string, string>;
}

/** All services of the routes, over the rig; settings are real, with a single root. */
export function createServices({ settings: keys, ...options }: ServicesOptions = {}) {
  const rig = createLookupRig({ waitMaxMs: 30_000, ...options });
  const loaded = {
    ...load({ AUTOCACHE_COMFYUI_FREE: 'auto', ...keys }),
    notices: ['ARENA_CACHE_ROOT is understood as AUTOCACHE_DIR'],
  };
  const settings = new ServedSettings({ ...rig, loaded, saved: rig.catalog.settings, isLocal: async () => true });
  settings.onChange(() => {
    rig.sources.mode = settings.mode();
  });
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
  const { memo, memoBounds } = openMemo({
    ...rig,
    settings,
    bound: () => rig.bound,
    // The tier of the rig may have no folder.
    tier: { ...rig.tier, dir: tempDir() },
  });
  const services: Services = {
    ...rig,
    ...openUpkeep({ ...rig, scrubMs: () => null }),
    foresight: openForesight({
      ...rig,
      sources: { ...rig.sources, onArrived: () => () => {}, list: () => [] },
      settings,
      bound: () => rig.bound,
      policy: rig.rules.policy,
    }),
    memo,
    memoBounds,
    llm: null,
    prompts: openPrompts({ ...rig, config: { comfyuiUrl: null }, settings, memo }),
    farm: null,
    sharedStore: null,
    presets: openPresets({ ...rig, settings, memo, stateDir: tempDir() }),
    variants: openVariants({
      ...rig,
      accounts: { ready: Promise.resolve() },
      sources: { ...rig.sources, addOwn: () => {} },
      tier: { ...rig.tier, dir: tempDir() },
      stateDir: tempDir(),
      mode: () => settings.mode(),
      variantsLimit: () => rig.bound.limit / 2,
    }),
    daemon: { version: '1.2.3', command: 'autocached', startedAt: rig.clock.monotonic(), cacheDir: rig.tier.dir, stop },
    bound: () => rig.bound,
    quotas: () => new Map(),
    variantsLimit: () => rig.bound.limit / 2,
    filters: rig.options.filters,
    policy: () => policies[settings.current.policy](policyContext),
    settings,
    roots: {
      warnings: [],
      list: () => [root],
      remotes: () => [],
      files: () => [],
      locate: (path) => rig.sources.locate(path),
      spelled: (directory) => (directory === rig.root ? rig.root : null),
      nameOf: (path) => rig.sources.nameOf(path),
      stat: (located, askedBy) => rig.sources.stat(located, askedBy),
      head: (file, bytes) => rig.sources.head(file, bytes),
      register: vi.fn(async () => [root]),
      forget: vi.fn((paths: readonly string[]) => [...paths]),
    },
  };
  return { ...rig, services, stop, settings };
}

/**
 * The app without a port, and a client with the token and the right Host.
 * @param hosts as AUTOCACHE_HOSTS names them
 */
export function createClient({ hosts = [], ...options }: ServicesOptions & { hosts?: readonly string[] } = {}) {
  const rig = createServices(options);
  const newApp = () => {
    const app = createApp(rig.services, {
      token,
      hosts: new Set([...hostsOf('127.0.0.1', port), ...furtherHosts(hosts, port)]),
    });
    checkAnswers(app);
    onTestFinished(() => app.close());
    return app;
  };
  const app = newApp();
  /** A client of the next run of the daemon, over the same catalog. */
  const restarted = () => clientOf(newApp());
  return { ...rig, app, token, ...clientOf(app), restarted };
}

function clientOf(app: FastifyInstance) {
  const headers = { host: `127.0.0.1:${port}`, authorization: `Bearer ${token}` };
  /** Sends any request, with the given headers instead of the usual ones; `undefined` omits one. */
  const send = async (request: Omit<InjectOptions, 'headers'> & { headers?: Record<string, string | undefined> }) => {
    const all = Object.entries({ ...headers, ...request.headers }).filter(([, value]) => value !== undefined);
    const response = await app.inject({ ...request, headers: Object.fromEntries(all) as Record<string, string> });
    return { status: response.statusCode, body: response.json<unknown>(), headers: response.headers };
  };
  const get = (url: string) => send({ method: 'GET', url });
  const post = (url: string, payload?: object) => send({ method: 'POST', url, ...(payload && { payload }) });
  return { send, get, post };
}
