import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CacheError, type ErrorCode } from '../../src/core/errors.ts';
import { isSameFingerprint } from '../../src/core/fingerprint.ts';
import {
  type Copy,
  type Fingerprint,
  type Mode,
  media,
  modes,
  type Purpose,
  purposes,
  type Reason,
  reasons,
  type SourceState,
} from '../../src/core/types.ts';
import { type Decision, decide, type Facts } from '../../src/lookup/decide.ts';
import { createFilters } from '../../src/lookup/filters.ts';

const MiB = 1024 * 1024;
const now: Fingerprint = { size: 100 * MiB, mtimeNs: '2000', ino: '5' };
const older: Fingerprint = { size: 100 * MiB, mtimeNs: '1000', ino: '5' };

const filters = createFilters({
  minSize: { overall: 16 * MiB, by: { loras: MiB } },
  maxSize: { overall: 500 * MiB, by: {} },
  include: [],
  exclude: ['*.ckpt'],
  categories: [],
});

const copyOf = (source: Fingerprint, tier: Copy['tier'] = 'ssd'): Copy => ({
  createdAt: null,
  id: 1,
  entryId: 1,
  placement: 1,
  content: 1,
  tier,
  form: tier === 'cold' ? 'compressed' : 'plain',
  path: '/cache/files/a.safetensors',
  state: 'ready',
  source,
  seal: { size: source.size, mtimeNs: source.mtimeNs, ino: '9' },
  hash: 'h',
  sha256: null,
  bytes: source.size,
});

const sources = {
  present: { state: 'present', fingerprint: now },
  missing: { state: 'missing' },
  away: { state: 'away', why: 'the share does not answer' },
  denied: { state: 'denied', why: 'EACCES' },
  slow: { state: 'slow', why: 'no answer within 150 ms' },
} satisfies Record<string, SourceState>;

const copies = { none: null, fresh: copyOf(now), ram: copyOf(now, 'ram'), old: copyOf(older) };

const usual: Facts = {
  mode: 'read-write',
  purpose: 'load',
  file: { path: '/nas/checkpoints/a.safetensors', rel: 'checkpoints/a.safetensors', category: 'checkpoints' },
  medium: 'nas',
  source: sources.present,
  copy: null,
  cold: null,
  job: null,
  failure: null,
  filters,
  limit: 1000 * MiB,
};

const decided = (facts: Partial<Facts>): Decision => decide({ ...usual, ...facts });

interface Row {
  mode: Mode[];
  purpose: Purpose[];
  source: (keyof typeof sources)[];
  copy: (keyof typeof copies)[];
  decision: Decision;
}

const any = {
  mode: [...modes],
  purpose: [...purposes],
  source: ['present', 'missing', 'away', 'denied', 'slow'],
  copy: ['none', 'fresh', 'ram', 'old'],
};
const on: Mode[] = ['read-only', 'read-write'];
const opened: Purpose[] = ['load', 'metadata'];
const source = (reason: Reason, more: Partial<Decision> = {}): Decision => ({ serve: 'source', reason, ...more });
const copy = (reason: Reason): Decision => ({ serve: 'copy', reason });

const table = [
  { ...any, mode: ['off'], decision: source('OFF') },
  { ...any, mode: on, purpose: ['scan'], decision: source('BYPASS_SCAN') },
  { ...any, mode: on, purpose: opened, source: ['missing'], decision: source('SOURCE_MISSING') },
  { mode: on, purpose: opened, source: ['away'], copy: ['none'], decision: source('SOURCE_AWAY') },
  { mode: on, purpose: opened, source: ['denied'], copy: ['none'], decision: source('NOT_PERMITTED') },
  { mode: on, purpose: opened, source: ['away', 'denied'], copy: ['fresh', 'ram', 'old'], decision: copy('HIT_OFFLINE') },
  { mode: on, purpose: opened, source: ['slow'], copy: ['fresh', 'old'], decision: copy('HIT') },
  { mode: on, purpose: opened, source: ['slow'], copy: ['ram'], decision: copy('HIT_RAM') },
  { mode: on, purpose: ['metadata'], source: ['slow'], copy: ['none'], decision: source('BYPASS_SCAN') },
  { mode: ['read-only'], purpose: ['load'], source: ['slow'], copy: ['none'], decision: source('READ_ONLY') },
  { mode: ['read-write'], purpose: ['load'], source: ['slow'], copy: ['none'], decision: source('WAIT_TIMEOUT') },
  { mode: on, purpose: opened, source: ['present'], copy: ['fresh'], decision: copy('HIT') },
  { mode: on, purpose: opened, source: ['present'], copy: ['ram'], decision: copy('HIT_RAM') },
  { mode: on, purpose: ['metadata'], source: ['present'], copy: ['none'], decision: source('BYPASS_SCAN') },
  { mode: on, purpose: ['metadata'], source: ['present'], copy: ['old'], decision: source('BYPASS_SCAN', { retire: true }) },
  { mode: ['read-only'], purpose: ['load'], source: ['present'], copy: ['none'], decision: source('READ_ONLY') },
  {
    mode: ['read-only'],
    purpose: ['load'],
    source: ['present'],
    copy: ['old'],
    decision: source('READ_ONLY', { retire: true }),
  },
  {
    mode: ['read-write'],
    purpose: ['load'],
    source: ['present'],
    copy: ['none'],
    decision: source('QUEUED', { request: now }),
  },
  {
    mode: ['read-write'],
    purpose: ['load'],
    source: ['present'],
    copy: ['old'],
    decision: source('STALE', { request: now, retire: true }),
  },
] as Row[];

describe('mode x purpose x source x copy', () => {
  const cells = modes.flatMap((mode) =>
    purposes.flatMap((purpose) =>
      (['present', 'missing', 'away', 'denied', 'slow'] as const).flatMap((source) =>
        (['none', 'fresh', 'ram', 'old'] as const).map((copy) => ({ mode, purpose, source, copy })),
      ),
    ),
  );

  test.each(cells)('$mode, $purpose, source $source, copy $copy', (cell) => {
    const rows = table.filter(
      (row) =>
        row.mode.includes(cell.mode) &&
        row.purpose.includes(cell.purpose) &&
        row.source.includes(cell.source) &&
        row.copy.includes(cell.copy),
    );
    expect(rows).toHaveLength(1);
    const { mode, purpose } = cell;
    expect(decided({ mode, purpose, source: sources[cell.source], copy: copies[cell.copy] })).toEqual(rows[0]?.decision);
  });
});

describe('a miss', () => {
  const failure = (code: ErrorCode) => new CacheError(code, 'a moment ago');
  const size = (bytes: number): Partial<Facts> => ({ source: { state: 'present', fingerprint: { ...now, size: bytes } } });
  const lora = { path: '/nas/loras/a.safetensors', rel: 'loras/a.safetensors', category: 'loras' };

  const misses: [string, Partial<Facts>, Decision][] = [
    ['of a file on an SSD gains nothing', { medium: 'ssd' }, source('BYPASS_FAST_SOURCE')],
    ['of a small file', size(16 * MiB - 1), source('BYPASS_SMALL')],
    ['of a file of just the least size', size(16 * MiB), source('QUEUED', { request: { ...now, size: 16 * MiB } })],
    [
      'of a small file of a category with a bound of its own',
      { ...size(2 * MiB), file: lora },
      source('QUEUED', { request: { ...now, size: 2 * MiB } }),
    ],
    ['of a large file', size(500 * MiB + 1), source('BYPASS_LARGE')],
    ['of a file larger than the tier', { ...size(400 * MiB), limit: 300 * MiB }, source('BYPASS_LARGE')],
    ['of an excluded file', { file: { ...usual.file, rel: 'checkpoints/a.ckpt' } }, source('BYPASS_EXCLUDED')],
    ['of a file that is being copied joins the copy', { job: 'running' }, source('COPYING', { request: now })],
    ['of a file whose copy waits joins it, and may make it go first', { job: 'queued' }, source('QUEUED', { request: now })],
    [
      'while a copy runs counts the copy, not an old failure',
      { job: 'running', failure: failure('NO_SPACE') },
      source('COPYING', { request: now }),
    ],
    ['after the disk was full', { failure: failure('NO_SPACE') }, source('NO_SPACE')],
    ['after a copy was found too large', { failure: failure('TOO_LARGE') }, source('BYPASS_LARGE')],
    ['after the policy said no', { failure: failure('NOT_ADMITTED') }, source('NOT_ADMITTED')],
    ['after the source gave an error', { failure: failure('SOURCE_IO') }, source('ERROR')],
    ['that may not be read', { failure: failure('NOT_PERMITTED') }, source('NOT_PERMITTED')],
    ['while it is downloaded', { failure: failure('IN_USE') }, source('BYPASS_EXCLUDED')],
    ['in read-only mode, even while a copy runs', { mode: 'read-only', job: 'running' }, source('READ_ONLY')],
  ];

  test.each(misses)('%s', (_what, facts, expected) => {
    expect(decided(facts)).toEqual(expected);
    // The same with an old copy: it is never served again, and what is told is why there is no new one.
    const stale = expected.request ? { ...expected, reason: 'STALE' as const } : expected;
    if (expected.reason !== 'BYPASS_EXCLUDED')
      expect(decided({ ...facts, copy: copies.old })).toEqual({ ...stale, retire: true });
  });

  test('can have every reason there is: the tables leave none out', () => {
    const others: Reason[] = ['HIT_AFTER_WAIT', 'BYPASS_UNKNOWN_ROOT'];
    const told = new Set([...table.map(({ decision }) => decision.reason), ...misses.map(([, , { reason }]) => reason)]);
    expect([...told].sort()).toEqual(reasons.filter((reason) => !others.includes(reason)).sort());
  });

  test('a fresh copy is served whatever would keep a new one from being made', () => {
    for (const facts of [size(10), size(900 * MiB), { medium: 'ssd' as const }, { failure: failure('NO_SPACE') }]) {
      const { source: state = sources.present } = facts as Partial<Facts>;
      const fingerprint = state.state === 'present' ? state.fingerprint : now;
      expect(decided({ ...facts, copy: copyOf(fingerprint) }).serve).toBe('copy');
    }
  });

  test('an excluded file is not served from its copy either: it was excluded for a reason', () => {
    const file = { ...usual.file, rel: 'checkpoints/a.ckpt' };
    for (const state of Object.values(sources))
      expect(decided({ file, source: state, copy: copies.fresh })).toEqual(source('BYPASS_EXCLUDED'));
  });
});

describe('a compressed copy', () => {
  const cold = copyOf(now, 'cold');

  test('is never served, but wanted back on the SSD', () => {
    expect(decided({ cold })).toEqual(source('QUEUED', { request: now }));
    expect(decided({ cold, job: 'running' })).toEqual(source('COPYING', { request: now }));
    expect(decided({ cold, mode: 'read-only' })).toEqual(source('READ_ONLY'));
    expect(decided({ cold, purpose: 'metadata' })).toEqual(source('BYPASS_SCAN'));
  });

  test('of an older source goes out of service', () => {
    expect(decided({ cold: copyOf(older, 'cold') })).toEqual(source('STALE', { request: now, retire: true }));
  });

  test('does not bring back a file that was deleted', () => {
    for (const purpose of opened)
      expect(decided({ cold, copy: copies.fresh, source: sources.missing, purpose })).toEqual(source('SOURCE_MISSING'));
  });

  test.each([sources.denied, sources.away])('is the only way to a file that is $state', (state) => {
    const facts = { cold, source: state };
    expect(decided(facts)).toEqual(source('QUEUED', { request: now }));
    expect(decided({ ...facts, job: 'running' })).toEqual(source('COPYING', { request: now }));
    expect(decided({ ...facts, failure: new CacheError('NO_SPACE', '') })).toEqual(source('NO_SPACE'));
    expect(decided({ ...facts, mode: 'read-only' })).toEqual(source('READ_ONLY'));
    const without = state === sources.denied ? 'NOT_PERMITTED' : 'SOURCE_AWAY';
    expect(decided({ ...facts, purpose: 'metadata' })).toEqual(source(without));
    expect(decided({ ...facts, copy: copies.fresh })).toEqual(copy('HIT_OFFLINE'));
  });
});

test('whatever the facts are: no old bytes beside a source, no copy made that was not asked for', () => {
  const fingerprint = fc.record({
    size: fc.constantFrom(1, 20 * MiB, 600 * MiB),
    mtimeNs: fc.constantFrom('1', '2'),
    ino: fc.constantFrom('5', '6', null),
  });
  const facts: fc.Arbitrary<Facts> = fc.record({
    mode: fc.constantFrom(...modes),
    purpose: fc.constantFrom(...purposes),
    file: fc.constantFrom(usual.file, { path: '/x.ckpt', rel: 'x.ckpt', category: null }),
    medium: fc.constantFrom(...media),
    source: fc.oneof(
      fc.constantFrom<SourceState>(sources.missing, sources.away),
      fingerprint.map((found): SourceState => ({ state: 'present', fingerprint: found })),
    ),
    copy: fc.option(fingerprint.map((found) => copyOf(found))),
    cold: fc.option(fingerprint.map((found) => copyOf(found, 'cold'))),
    job: fc.constantFrom('queued' as const, 'running' as const, null),
    failure: fc.option(fc.constantFrom(new CacheError('NO_SPACE', ''), new CacheError('SOURCE_IO', ''))),
    filters: fc.constant(filters),
    limit: fc.constantFrom(0, 1000 * MiB),
  });
  fc.assert(
    fc.property(facts, (given) => {
      const decision = decide(given);
      const { mode, purpose, source: state, copy: held, cold } = given;
      if (decision.serve === 'copy') {
        expect(held).not.toBeNull();
        if (held && state.state === 'present') expect(isSameFingerprint(held.source, state.fingerprint)).toBe(true);
        expect(decision).toEqual({ serve: 'copy', reason: expect.stringMatching(/^HIT/) });
      }
      if (decision.request) expect([mode, purpose]).toEqual(['read-write', 'load']);
      if (decision.request) expect(decision.request).toEqual(state.state === 'present' ? state.fingerprint : cold?.source);
      const isOld = (copy: Copy | null) =>
        copy !== null && state.state === 'present' && !isSameFingerprint(copy.source, state.fingerprint);
      if (decision.retire) expect(isOld(held) || isOld(cold)).toBe(true);
    }),
  );
});

test.each<[string, Partial<Fingerprint>, boolean]>([
  ['the same', {}, true],
  ['another size', { size: 1 }, false],
  ['another mtime, by a nanosecond', { mtimeNs: '2001' }, false],
  ['another inode: replaced by a rename that kept the time', { ino: '6' }, false],
  ['an inode that one side does not know', { ino: null }, true],
])('content with %s', (_what, change, same) => {
  expect(isSameFingerprint(now, { ...now, ...change })).toBe(same);
  expect(isSameFingerprint({ ...now, ...change }, now)).toBe(same);
});
