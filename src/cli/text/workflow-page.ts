import type { WorkflowAnswer } from '../../api/workflow.ts';
import { counted, formatBytes, formatCount } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';

/** The models of a workflow in load order, and those that are unknown or not loaded. */
export function workflowPage({ models, skipped }: WorkflowAnswer, look: Look): string {
  const known = models.filter(({ size }) => size !== null);
  const bytes = known.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const ready = models.filter(({ ready }) => ready).length;
  const missing = models.length - known.length;
  const counts = [`${counted(models.length, 'model')}, ${formatBytes(bytes)}`, `${formatCount(ready)} on the fast disk`];
  if (missing > 0) counts.push(look.paint('yellow', `${formatCount(missing)} not found`));
  return [
    ...(models.length > 0 ? [rows(models, look)] : []),
    counts.join('; '),
    ...skipped.map(({ node, why }) => look.paint('dim', `node ${plain(node)}: ${plain(why)}`)),
  ].join('\n');
}

const roomForAll = 120;

function rows(models: WorkflowAnswer['models'], look: Look): string {
  const spacious = look.width === null || look.width >= roomForAll;
  type Model = WorkflowAnswer['models'][number];
  return table<Model>(
    models,
    [
      { title: 'NODE', value: ({ node, classType }) => (spacious ? `${node} ${classType}` : node) },
      ...(spacious ? [{ title: 'INPUT', value: ({ input }: Model) => input }] : []),
      { title: 'CATEGORY', value: ({ category }) => category ?? '?', ...(!spacious && { shrinks: 'sentence' as const }) },
      { title: 'FILE', value: ({ name }) => name, shrinks: 'name' },
      { title: 'WHERE', value: ({ tier, path }) => (path === null ? '-' : (tier ?? '-')) },
      { title: 'SIZE', value: ({ size }) => (size === null ? '-' : formatBytes(size)), align: 'right' },
      { title: '', value: noteOn, shrinks: 'sentence' },
    ],
    look,
  );
}

function noteOn({ ready, reason, why, switchedOff }: WorkflowAnswer['models'][number]): string {
  const notes = [...(switchedOff ? ['if its switch is turned'] : []), ...(ready || reason === 'QUEUED' ? [] : [why])];
  return notes.join('; ');
}
