import { describe, expect, test } from 'vitest';
import { aliases, ignored } from '../../src/config/arena-aliases.ts';
import { load, problems } from './load.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;

function lines(env: Record<string, string>): string[] {
  const { notices } = load(env);
  return (notices[0] ?? '').split('\n  ').slice(1);
}

test('who has no Arena settings hears nothing of them', () => {
  expect(load({ COMFYUI_HOST: '127.0.0.1', COMFYUI_PORT: '8188', PATH: '/bin' }).notices).toEqual([]);
});

test('an Arena user keeps every setting, and is told once what became of each', () => {
  const { config, notices, settings } = load({
    ARENA_CACHE_ROOT: '/mnt/ssd/arena',
    ARENA_CACHE_MAX_GB: '300',
    ARENA_CACHE_MIN_SIZE_MB: '10.0',
    ARENA_AUTO_CACHE_ENABLED: '1',
    ARENA_AUTOCACHE_AUTOPATCH: '1',
    ARENA_CACHE_MODE: 'OnDemand',
    ARENA_CACHE_MAX_CONCURRENCY: '3',
    ARENA_CACHE_VERBOSE: 'Yes',
    ARENA_NAS_ROOT: '/mnt/nas/models',
    ARENA_CACHE_CATEGORIES: '',
    ARENA_LANG: 'ru',
  });
  expect(config).toMatchObject({
    dir: '/mnt/ssd/arena',
    limit: { kind: 'bytes', bytes: 300 * GiB },
    minSize: { overall: 10 * MiB, by: {} },
    mode: 'read-write',
    jobs: 3,
    log: { level: 'debug', form: 'pretty' },
    roots: [{ path: '/mnt/nas/models', kind: 'nas' }],
    categories: [],
  });
  expect(notices).toEqual([
    [
      'settings of Arena AutoCache are understood like this:',
      'ARENA_CACHE_ROOT=/mnt/ssd/arena is AUTOCACHE_DIR=/mnt/ssd/arena',
      'ARENA_CACHE_MAX_GB=300 is AUTOCACHE_LIMIT=300GiB',
      'ARENA_NAS_ROOT=/mnt/nas/models is AUTOCACHE_ROOTS=/mnt/nas/models=nas',
      'ARENA_AUTO_CACHE_ENABLED=1 and ARENA_AUTOCACHE_AUTOPATCH=1 is AUTOCACHE_MODE=read-write',
      'ARENA_CACHE_MODE is not used beside ARENA_AUTO_CACHE_ENABLED and ARENA_AUTOCACHE_AUTOPATCH',
      'ARENA_CACHE_MIN_SIZE_MB=10.0 is AUTOCACHE_MIN_SIZE=10MiB',
      'ARENA_CACHE_MAX_CONCURRENCY=3 is AUTOCACHE_JOBS=3',
      'ARENA_CACHE_VERBOSE=Yes is AUTOCACHE_LOG=debug',
      'ARENA_LANG is ignored, messages are in English',
    ].join('\n  '),
  ]);
  expect(settings.find(({ key }) => key === 'AUTOCACHE_DIR')).toMatchObject({
    value: '/mnt/ssd/arena',
    from: 'environment (ARENA_CACHE_ROOT)',
  });
});

test('A11: the "10.0" that Arena\'s own node writes does not fail', () => {
  const { config } = load({
    ARENA_CACHE_MIN_SIZE_MB: '10.0',
    ARENA_CACHE_MAX_GB: '100.50',
    ARENA_CACHE_MAX_CONCURRENCY: '2.0',
    ARENA_CACHE_SESSION_BYTE_BUDGET: '0.0',
  });
  expect(config).toMatchObject({ minSize: { overall: 10 * MiB }, limit: { bytes: 100.5 * GiB }, jobs: 2, dailyWrites: null });
});

test.each(['0', '0.0'])('A15: ARENA_CACHE_MAX_GB=%s evicts nothing, and warns', (zero) => {
  const env = { ARENA_CACHE_MAX_GB: zero };
  expect(load(env).config.limit).toEqual({ kind: 'auto' });
  expect(lines(env)).toEqual([
    `ARENA_CACHE_MAX_GB=${zero} is AUTOCACHE_LIMIT=auto (warning: 0 meant "no limit" or "evict everything" in Arena; here the free space decides)`,
  ]);
});

describe('the mode that Arena showed as a colour', () => {
  test.each([
    ['0', '0', 'off'],
    ['0', '1', 'off'],
    ['1', '0', 'read-only'],
    ['1', '1', 'read-write'],
    ['True', 'no', 'read-only'],
    ['on', 'YES', 'read-write'],
    ['Off', 'false', 'off'],
  ])('enabled %s, autopatch %s is %s', (enabled, patch, mode) => {
    expect(load({ ARENA_AUTO_CACHE_ENABLED: enabled, ARENA_AUTOCACHE_AUTOPATCH: patch }).config.mode).toBe(mode);
  });

  test.each([
    [{ ARENA_AUTO_CACHE_ENABLED: '1' }, 'read-only'],
    [{ ARENA_AUTO_CACHE_ENABLED: '0' }, 'off'],
    [{ ARENA_AUTOCACHE_AUTOPATCH: '1' }, 'read-write'],
    [{ ARENA_AUTOCACHE_AUTOPATCH: '0' }, 'off'],
    [{ ARENA_CACHE_ENABLE: '0' }, 'off'],
    [{ ARENA_CACHE_ENABLE: '1' }, 'read-write'],
    [{ ARENA_CACHE_MODE: 'disabled' }, 'off'],
    [{ ARENA_CACHE_MODE: 'ondemand' }, 'read-write'],
    [{ ARENA_DISABLE_PATH_PATCHING: '1', ARENA_AUTO_CACHE_ENABLED: '1', ARENA_AUTOCACHE_AUTOPATCH: '1' }, 'off'],
    [{ ARENA_DISABLE_PATH_PATCHING: '0' }, 'read-write'],
  ] as const)('%o is %s', (env, mode) => {
    expect(load(env).config.mode).toBe(mode);
  });

  test('who finds caching off because Arena reset its switches is told how to switch it on', () => {
    expect(lines({ ARENA_AUTO_CACHE_ENABLED: '0', ARENA_AUTOCACHE_AUTOPATCH: '0' })).toEqual([
      expect.stringContaining('is AUTOCACHE_MODE=off (Arena puts its switches back to 0 by itself; AUTOCACHE_MODE=read-write'),
    ]);
  });

  test('eager is refused with what to do instead, even with caching switched off', () => {
    const line =
      'environment: ARENA_CACHE_MODE: eager copying at start is not offered; set ondemand, and run `autocached warm` for what you want';
    expect(problems({ ARENA_CACHE_MODE: 'eager' })).toEqual([line]);
    expect(problems({ ARENA_CACHE_MODE: 'Eager', ARENA_DISABLE_PATH_PATCHING: '1' })).toEqual([line]);
  });
});

describe('two keys for one thing', () => {
  test('the larger smallest size wins, as in Arena', () => {
    expect(load({ ARENA_CACHE_MIN_SIZE_MB: '512', ARENA_CACHE_MIN_SIZE_GB: '1.0' }).config.minSize.overall).toBe(GiB);
    expect(load({ ARENA_CACHE_MIN_SIZE_MB: '2048', ARENA_CACHE_MIN_SIZE_GB: '1.0' }).config.minSize.overall).toBe(2 * GiB);
    expect(lines({ ARENA_CACHE_MIN_SIZE_MB: '512', ARENA_CACHE_MIN_SIZE_GB: '1.0' })).toEqual([
      'ARENA_CACHE_MIN_SIZE_GB=1.0 is AUTOCACHE_MIN_SIZE=1GiB',
      'ARENA_CACHE_MIN_SIZE_MB is not used beside ARENA_CACHE_MIN_SIZE_GB',
    ]);
  });

  test('the key that Arena read wins over the one it only documented', () => {
    expect(load({ ARENA_CACHE_DIR: '/docs', ARENA_CACHE_ROOT: '/code' }).config.dir).toBe('/code');
    expect(load({ ARENA_CACHE_DIR: '/docs' }).config.dir).toBe('/docs');
    expect(load({ ARENA_CACHE_MAX_SIZE_GB: '5', ARENA_CACHE_MAX_GB: '7' }).config.limit).toEqual({
      kind: 'bytes',
      bytes: 7 * GiB,
    });
    expect(load({ ARENA_CACHE_MAX_SIZE_GB: '5' }).config.limit).toEqual({ kind: 'bytes', bytes: 5 * GiB });
  });

  test.each([
    [{ ARENA_LOG_LEVEL: 'WARNING' }, 'warn'],
    [{ ARENA_LOG_LEVEL: 'ERROR', ARENA_CACHE_VERBOSE: '0' }, 'error'],
    [{ ARENA_LOG_LEVEL: 'ERROR', ARENA_CACHE_VERBOSE: '1' }, 'debug'],
    [{ ARENA_LOG_LEVEL: 'info' }, 'info'],
    [{ ARENA_CACHE_VERBOSE: '0' }, 'info'],
  ] as const)('%o logs from %s', (env, level) => {
    expect(load(env).config.log).toEqual({ level, form: 'pretty' });
  });
});

describe('categories', () => {
  test('override caches only what is listed', () => {
    const { config } = load({ ARENA_CACHE_CATEGORIES: 'checkpoints,loras', ARENA_CACHE_CATEGORIES_MODE: 'override' });
    expect(config.categories).toEqual(['checkpoints', 'loras']);
  });

  test.each([
    { ARENA_CACHE_CATEGORIES: 'checkpoints,loras' },
    { ARENA_CACHE_CATEGORIES: 'checkpoints,loras', ARENA_CACHE_CATEGORIES_MODE: 'extend' },
    { ARENA_CACHE_CATEGORIES_MODE: 'override' },
  ])('%o adds to all, which is all', (env) => {
    expect(load(env).config.categories).toEqual([]);
    expect(lines(env)).toEqual([expect.stringContaining('changes nothing (every category is cached;')]);
  });
});

test('"fixed path" models are left out only for who asked for it', () => {
  const { config } = load({ ARENA_CACHE_SKIP_HARDCODED: '1' });
  expect(config.exclude).toEqual([
    '**/controlnet/**',
    '**/control_net/**',
    '**/insightface/**',
    '**/ipadapter/**',
    '**/clip_vision/**',
  ]);
  expect(load({ ARENA_CACHE_SKIP_HARDCODED: '0' }).config.exclude).toEqual([]);
});

test('a byte budget is understood as a bound per day', () => {
  const { config, notices } = load({ ARENA_CACHE_SESSION_BYTE_BUDGET: '5000000000' });
  expect(config.dailyWrites).toBe(5_000_000_000);
  expect(notices).toHaveLength(1);
});

test('a key of ours wins over its alias, wherever either is set, and bad values of the alias no longer matter', () => {
  const { config, notices } = load({
    ARENA_CACHE_ROOT: '/arena',
    ARENA_CACHE_MODE: 'eager',
    ARENA_CACHE_MAX_GB: 'lots',
    AUTOCACHE_DIR: '/ours',
    AUTOCACHE_MODE: 'read-only',
    AUTOCACHE_LIMIT: '1GiB',
  });
  expect(config).toMatchObject({ dir: '/ours', mode: 'read-only', limit: { kind: 'bytes', bytes: GiB } });
  expect(notices[0]?.split('\n  ').slice(1)).toEqual([
    'ARENA_CACHE_ROOT is not used, AUTOCACHE_DIR is set',
    'ARENA_CACHE_MAX_GB is not used, AUTOCACHE_LIMIT is set',
    'ARENA_CACHE_MODE is not used, AUTOCACHE_MODE is set',
  ]);
});

test.each([
  [{ ARENA_CACHE_MAX_GB: '-5' }, 'ARENA_CACHE_MAX_GB: expected a number from 0, got "-5"'],
  [{ ARENA_CACHE_MIN_SIZE_MB: 'ten' }, 'ARENA_CACHE_MIN_SIZE_MB: expected a number from 0, got "ten"'],
  [
    { ARENA_AUTO_CACHE_ENABLED: 'maybe' },
    'ARENA_AUTO_CACHE_ENABLED: expected 1 or 0 (true/false, yes/no, on/off), got "maybe"',
  ],
  [{ ARENA_CACHE_MODE: 'fast' }, 'ARENA_CACHE_MODE: expected one of ondemand, disabled, eager, got "fast"'],
  [{ ARENA_CACHE_MAX_CONCURRENCY: '0' }, 'ARENA_CACHE_MAX_CONCURRENCY: expected a whole number from 1 to 64, got "0"'],
  [{ ARENA_CACHE_MAX_CONCURRENCY: '2.5' }, 'ARENA_CACHE_MAX_CONCURRENCY: expected a whole number from 1 to 64, got "2.5"'],
  [{ ARENA_LOG_LEVEL: 'loud' }, 'ARENA_LOG_LEVEL: expected one of debug, info, warning, error, got "loud"'],
  [
    { ARENA_CACHE_ROOT: 'C:\\cache' },
    'ARENA_CACHE_ROOT: expected a path of this system (WSL shows drive C: as /mnt/c), got "C:\\cache"',
  ],
])('a bad value is reported under the name that was written: %o', (env, line) => {
  expect(problems(env as unknown as Record<string, string>)).toEqual([`environment: ${line}`]);
});

test('an unknown Arena key is mentioned without its value and stops nothing', () => {
  expect(lines({ ARENA_API_TOKEN: 'hush', arena_cache_root: '/x' })).toEqual([
    'ARENA_API_TOKEN is not known, ignored',
    'arena_cache_root is not known, ignored',
  ]);
});

test('every Arena key of every generation is covered', () => {
  const covered = [...aliases.flatMap(({ keys }) => keys), ...Object.keys(ignored)];
  expect(covered.toSorted()).toEqual(
    [
      'ARENA_CACHE_ROOT',
      'ARENA_CACHE_DIR',
      'ARENA_CACHE_ENABLE',
      'ARENA_AUTO_CACHE_ENABLED',
      'ARENA_AUTOCACHE_AUTOPATCH',
      'ARENA_AUTOCACHE_AUTOPATCH_TIMEOUT_S',
      'ARENA_AUTOCACHE_AUTOPATCH_POLL_MS',
      'ARENA_CACHE_MAX_GB',
      'ARENA_CACHE_MAX_SIZE_GB',
      'ARENA_CACHE_MIN_SIZE_MB',
      'ARENA_CACHE_MIN_SIZE_GB',
      'ARENA_CACHE_SKIP_HARDCODED',
      'ARENA_CACHE_VERBOSE',
      'ARENA_LOG_LEVEL',
      'ARENA_CACHE_MODE',
      'ARENA_CACHE_CATEGORIES',
      'ARENA_CACHE_CATEGORIES_MODE',
      'ARENA_CACHE_DISCOVERY',
      'ARENA_CACHE_PREFETCH_STRATEGY',
      'ARENA_CACHE_MAX_CONCURRENCY',
      'ARENA_CACHE_SESSION_BYTE_BUDGET',
      'ARENA_CACHE_COOLDOWN_MS',
      'ARENA_NAS_ROOT',
      'ARENA_NAS_AUTO_SCAN',
      'ARENA_NAS_SCAN_MAX_DEPTH',
      'ARENA_LANG',
      'ARENA_DISABLE_PATH_PATCHING',
    ].toSorted(),
  );
});
