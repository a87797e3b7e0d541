import type { MemoSharedStats, MemoTotals } from '../api/memo.ts';
import type { Series } from './series.ts';

/** Series of the totals of each namespace. */
const totals: readonly [string, string, keyof MemoTotals][] = [
  ['stale_total', 'Hits whose result was stale', 'stale'],
  ['misses_total', 'Questions without a result', 'misses'],
  ['coalesced_total', 'Hits that waited for the computation of another asker', 'coalesced'],
  ['stores_total', 'Results stored', 'stores'],
  ['rejected_total', 'Results not stored', 'rejected'],
  ['evictions_total', 'Results that left to make room', 'evictions'],
  ['alike_total', 'Hits with the result of a text in other words', 'alike'],
  ['disagreements_total', 'Late results that differ from the stored one', 'disagreements'],
  ['seconds_saved_total', 'Seconds of computing saved', 'secondsSaved'],
];

/** The figures of the plane of results. They contain no key and no label. */
export const memoSeries: readonly Series[] = [
  ...totals.map(
    ([name, help, key]): Series => ({
      counts: true,
      name: `autocached_memo_${name}`,
      help,
      labels: ['ns'],
      read: (_stats, { memo }) => [...memo.manage.totals()].map(([ns, of]) => [{ ns }, of[key]]),
    }),
  ),
  {
    counts: true,
    name: 'autocached_memo_hits_total',
    help: 'Questions answered with a result since the start, by where it was',
    labels: ['ns', 'layer'],
    read: (_stats, { memo }) => [...memo.served.hits()],
  },
  {
    counts: true,
    name: 'autocached_memo_late_refusals_total',
    help: 'Results answered as stored that could then not be stored, since the start',
    labels: ['ns', 'reason'],
    read: (_stats, { memo }) => [...memo.lateRefusals.counts()],
  },
  {
    name: 'autocached_memo_bytes',
    help: 'Bytes of results',
    labels: ['layer'],
    read: ({ memo }) => [
      [{ layer: 'ram' }, memo.ram.bytes],
      [{ layer: 'disk' }, memo.bytes],
    ],
  },
  {
    name: 'autocached_memo_redis_up',
    help: 'Whether the Redis of results is asked (1), or left out (0)',
    labels: [],
    read: ({ memo }) => (memo.shared ? [[{}, memo.shared.state === 'up' ? 1 : 0]] : []),
  },
  {
    counts: true,
    name: 'autocached_memo_redis_questions_total',
    help: 'Results that were not on this machine, by the answer of Redis',
    labels: ['outcome'],
    read: ({ memo }) => ofShared(memo.shared, ['hits', 'misses', 'skipped', 'failed', 'damaged']),
  },
  {
    counts: true,
    name: 'autocached_memo_redis_changes_total',
    help: 'Changes written to Redis',
    labels: ['outcome'],
    read: ({ memo }) => ofShared(memo.shared, ['stored', 'removed', 'refused']),
  },
  {
    name: 'autocached_memo_redis_owed',
    help: 'Changes not yet written to Redis',
    labels: [],
    read: ({ memo }) => (memo.shared ? [[{}, memo.shared.owed]] : []),
  },
  { name: 'autocached_memo_limit_bytes', help: 'Maximum bytes of results on the disk', read: ({ memo }) => memo.limit },
  { name: 'autocached_memo_items', help: 'Results', read: ({ memo }) => memo.current_items },
  { name: 'autocached_memo_computing', help: 'Keys that a program computes now', read: ({ memo }) => memo.computing },
  { name: 'autocached_memo_waiting', help: 'Askers that wait for one', read: ({ memo }) => memo.waiting },
];

type Outcome = Exclude<keyof MemoSharedStats, 'state' | 'why'>;

function ofShared(shared: MemoSharedStats | null, outcomes: readonly Outcome[]): [Record<string, string>, number][] {
  return shared ? outcomes.map((outcome) => [{ outcome }, shared[outcome]]) : [];
}
