import type { WorkflowAnswer } from '../../api/workflow.ts';
import { formatBytes } from '../../core/format.ts';
import { reasonText } from '../../core/reason-text.ts';
import { plain } from './fit.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';
import { counted } from './words.ts';

/** The models of a workflow in load order, and what of it cannot be told or is not loaded. */
export function workflowPage({ models, skipped }: WorkflowAnswer, look: Look): string {
  const known = models.filter(({ size }) => size !== null);
  const bytes = known.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const ready = models.filter(({ ready }) => ready).length;
  const missing = models.length - known.length;
  const counts = [`${counted(models.length, 'model')}, ${formatBytes(bytes)}`, `${ready} on the fast disk`];
  if (missing > 0) counts.push(look.paint('yellow', `${missing} not found`));
  return [
    ...(models.length > 0 ? [rows(models, look)] : []),
    counts.join('; '),
    ...skipped.map(({ node, why }) => look.paint('dim', `node ${plain(node)}: ${plain(why)}`)),
  ].join('\n');
}

function rows(models: WorkflowAnswer['models'], look: Look): string {
  return table(
    models,
    [
      { title: 'NODE', value: ({ node, classType }) => `${node} ${classType}` },
      { title: 'INPUT', value: ({ input }) => input },
      { title: 'CATEGORY', value: ({ category }) => category ?? '?' },
      { title: 'FILE', value: ({ name }) => name, shrinks: true },
      { title: 'WHERE', value: ({ tier, path }) => (path === null ? '-' : (tier ?? '-')) },
      { title: 'SIZE', value: ({ size }) => (size === null ? '-' : formatBytes(size)), align: 'right' },
      { title: '', value: noteOn },
    ],
    look,
  );
}

function noteOn({ ready, reason, switchedOff }: WorkflowAnswer['models'][number]): string {
  const notes = [
    ...(switchedOff ? ['if its switch is turned'] : []),
    ...(ready || reason === 'QUEUED' ? [] : [reasonText(reason)]),
  ];
  return notes.join('; ');
}
