import type { WorkflowAnswer } from '../../api/workflow.ts';
import { counted, formatBytes, formatCount } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';

/** The models of a workflow in load order, those that are not loaded, and the inputs without a known file. */
export function workflowPage({ models, skipped, unresolved = [] }: WorkflowAnswer, look: Look): string {
  const known = models.filter(({ size }) => size !== null);
  const bytes = known.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const ready = models.filter(({ ready }) => ready).length;
  const missing = models.length - known.length;
  const counts = [`${counted(models.length, 'model')}, ${formatBytes(bytes)}`, `${formatCount(ready)} on the fast disk`];
  if (missing > 0) counts.push(look.paint('yellow', `${formatCount(missing)} not found`));
  if (unresolved.length > 0) counts.push(look.paint('yellow', `${counted(unresolved.length, 'input')} unresolved`));
  const isTold = (node: string, why: string) =>
    unresolved.some(({ node: other, input }) => other === node && why.startsWith(`${input}: `));
  return [
    ...(models.length > 0 ? [rows(models, look)] : []),
    counts.join('; '),
    ...(unresolved.length > 0 ? ['', unresolvedRows(unresolved, look)] : []),
    ...skipped
      .filter(({ node, why }) => !isTold(node, why))
      .map(({ node, why }) => look.paint('dim', `node ${plain(node)}: ${plain(why)}`)),
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

function unresolvedRows(unresolved: WorkflowAnswer['unresolved'], look: Look): string {
  const spacious = look.width === null || look.width >= roomForAll;
  return table(
    unresolved,
    [
      { title: 'NODE', value: ({ node, classType }) => (spacious ? `${node} ${classType}` : node) },
      { title: 'UNRESOLVED INPUT', value: ({ input }) => input, shrinks: 'name' },
      { title: 'VALUE', value: ({ value }) => value ?? '-', shrinks: 'name' },
      {
        title: 'WHY',
        value: ({ word, why, candidates }) => [`${word}: ${why}`, ...candidates.slice(0, most)].join('; '),
        shrinks: 'sentence',
      },
    ],
    look,
  );
}

/** Maximum number of candidates for an input that are listed. */
const most = 5;

function noteOn({ ready, reason, why, switchedOff }: WorkflowAnswer['models'][number]): string {
  const notes = [...(switchedOff ? ['if its switch is turned'] : []), ...(ready || reason === 'QUEUED' ? [] : [why])];
  return notes.join('; ');
}
