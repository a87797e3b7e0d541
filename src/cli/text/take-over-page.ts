import type { TakeOverItem } from '../../api/take-over.ts';
import { counted, formatBytes } from '../../core/format.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';

/** A file of the other cache, and its outcome. */
export interface TakenItem extends TakeOverItem {
  outcome: 'taken over' | 'cached' | 'left';
}

/** The number of files taken over, and the remaining ones with the reason. */
export function takeOverPage(items: readonly (TakeOverItem | TakenItem)[], look: Look, done: string): string {
  const outcomeOf = (item: TakeOverItem | TakenItem) => ('outcome' in item ? item.outcome : item.state);
  const of = (...outcomes: string[]) => items.filter((item) => outcomes.includes(outcomeOf(item)));
  const sum = (some: readonly TakeOverItem[]) => formatBytes(some.reduce((total, { size }) => total + size, 0));
  const [taken, cached, left] = [of('taken over', 'compared'), of('cached'), of('left')];
  const rows = table(
    left,
    [
      { title: 'LEFT AS IT IS', value: ({ from }) => from, shrinks: 'name' },
      { title: 'WHY', value: ({ why }) => why ?? '', shrinks: 'sentence' },
    ],
    look,
  );
  return [
    ...(left.length > 0 ? [rows, ''] : []),
    `${counted(taken.length, 'file')} ${done}, ${sum(taken)}`,
    ...(cached.length > 0 ? [`${counted(cached.length, 'file')}: the model has a copy already`] : []),
    ...(left.length > 0 ? [`${counted(left.length, 'file')} left as ${left.length === 1 ? 'it is' : 'they are'}`] : []),
  ].join('\n');
}
