import { counted, formatBytes, formatDuration } from '../../core/format.ts';
import type { RecordedSimulation } from '../simulate-recorded.ts';
import { coldText } from './cold-text.ts';
import type { Look } from './look.ts';
import { missPlot } from './miss-plot.ts';
import { table } from './table.ts';

/** Other limits and policies over the recorded loads. */
export function recordedPage({ misses, results, best, more }: RecordedSimulation, look: Look): string {
  if (misses.loads === 0) return 'No loads are recorded of the last 30 days. Load some models, and ask again.';
  const now = misses.points.find(({ bytes }) => bytes === misses.limit);
  const spent = formatDuration(1000 * (now?.seconds ?? 0));
  const limit = `${formatBytes(misses.limit)} and ${misses.policy}`;
  const sentences = [
    `${counted(misses.loads, 'load')} in the last 30 days. With ${limit}, misses take ${spent} of waiting in a replay of them.`,
    more
      ? `With ${formatBytes(more.bytes)} more you would have saved ${formatDuration(1000 * more.seconds)} last month.`
      : 'A larger limit would have saved little.',
  ];
  if (best && best.policy !== misses.policy && best.seconds > 0)
    sentences.push(
      `With ${best.policy} in place of ${misses.policy} you would have saved ${formatDuration(1000 * best.seconds)}.`,
    );
  else if (best) sentences.push(`No other policy would have saved more than ${misses.policy}.`);
  if (misses.cold) sentences.push(coldText(misses.cold));
  const columns = [
    { title: 'CACHE', value: ({ capacity }: Row) => formatBytes(capacity) },
    { title: 'POLICY', value: ({ policy, cold }: Row) => (cold ? `${policy}, with a cold tier` : policy) },
    { title: 'WAITING', align: 'right', value: ({ missSeconds }: Row) => formatDuration(1000 * missSeconds) },
    { title: 'MISSES', align: 'right', value: ({ outcome }: Row) => String(outcome.reads - outcome.hits) },
    { title: 'WRITTEN', align: 'right', value: ({ outcome }: Row) => formatBytes(outcome.writtenBytes) },
  ] as const;
  const notes = [
    'WAITING: time that loads take longer than from a copy. foresight knows the next loads: nobody can do better by much.',
  ];
  if (misses.sampled < 1) notes.push('The plot is an estimate by a sample of the files.');
  return [
    ...sentences,
    '',
    missPlot(misses, look),
    '',
    table(results, [...columns], look),
    '',
    ...notes.map((note) => look.paint('dim', note)),
  ].join('\n');
}

type Row = RecordedSimulation['results'][number];
