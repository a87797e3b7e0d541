import { counted, formatBytes } from '../../core/format.ts';
import type { BringBackStep } from '../bring-back.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';

/** Files brought beside the models, or planned to be. */
export interface BroughtBack {
  dryRun: boolean;
  items: {
    /** Its present path. */
    path: string;
    /** Its path beside the model. */
    source: string;
    bytes: number;
    step: BringBackStep;
    /** Null in a plan, for files that would be written. */
    outcome: 'done' | 'left' | 'failed' | null;
    why: string | null;
  }[];
}

const steps: Record<BringBackStep, string> = {
  add: 'new',
  replace: 'replaces the file there',
  same: 'is there already',
  changed: 'the file there has changed meanwhile',
  away: 'its folder is not there',
};

export function bringBackPage({ dryRun, items }: BroughtBack, look: Look): string {
  if (items.length === 0) return 'nothing was written beside copies';
  const rows = table(
    items,
    [
      { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
      { title: 'TO', value: ({ source }) => source, shrinks: 'name' },
      { title: '', value: ({ step, outcome, why }) => why ?? (outcome === 'left' ? `left: ${steps[step]}` : steps[step]) },
    ],
    look,
  );
  const count = items.filter(({ outcome }) => outcome === (dryRun ? null : 'done')).length;
  return `${rows}\n${dryRun ? 'would write' : 'wrote'} ${counted(count, 'file')} beside the models`;
}
