import { element, setText } from '../../../comfyui/web/elements.js';
import { copyTerms } from '../../../comfyui/web/vocabulary.js';
import { copyText, counted, formatBytes } from '../../../comfyui/web/words.js';
import { ask, send } from './api.js';
import { attempt, confirmed } from './dialogs.js';
import { splitPath } from './figures.js';
import { showKeyed } from './keyed.js';
import { typed } from './own-command.js';
import { number, rowsBy, tableOf } from './tables.js';

export const title = 'Variants';

const heads = ['Variant', '~Made of', '#Size', '~#Model', '~#Worst layer', 'State', ''];
const none = () =>
  `No variants. "${typed('variant make MODEL --to auto8')}" makes a smaller file of a model, under a name of its own (docs/VARIANTS.md).`;

/** The smaller models that were made on purpose, and those on their way. */
export function show(main, app) {
  const state = element('p', { class: 'muted', attributes: { id: 'variants-state', role: 'status' } });
  const list = element('tbody', { attributes: { id: 'variants' } });
  const table = tableOf(heads, list, 'Variants');
  main.append(element('div', { class: 'page' }, element('h1', { text: title }), state, table));
  const remove = (variant) => attempt(() => askToRemove(variant)).then(app.refresh);
  return {
    async refresh() {
      const { variants, bytes, limit, directory } = await ask('/api/variants');
      const sum = `${counted(variants.length, 'variant')} in ${directory}, ${formatBytes(bytes)} of the cache's limit (at most ${formatBytes(limit)}).`;
      setText(state, variants.length === 0 ? none() : sum);
      table.hidden = variants.length === 0;
      const row = (variant) => rowOf(variant, remove);
      showKeyed(
        list,
        variants,
        rowsBy(({ path }) => path, row),
      );
    },
  };
}

function rowOf(variant, remove) {
  const { category, name, path, source, sourceBytes, bytes, state, leastSqnr } = variant;
  const isMade = state === 'ready' || state === 'stale';
  const button = element('button', {
    text: isMade ? 'Remove…' : 'Cancel…',
    attributes: { type: 'button', 'data-action': 'remove', 'aria-label': `${isMade ? 'Remove' : 'Cancel'} ${name}` },
    on: { click: () => void remove(variant) },
  });
  return element(
    'tr',
    {},
    element('td', { class: 'path', text: `${category}/${name}`, attributes: { title: path } }),
    element('td', { class: 'roomy path', text: source === null ? 'not known' : splitPath(source).base }),
    number(isMade ? formatBytes(bytes) : ''),
    number(formatBytes(sourceBytes), 'roomy'),
    number(isMade ? (leastSqnr === null ? 'exact' : `${leastSqnr.toFixed(1)} dB`) : '', 'roomy'),
    element('td', { text: stateText(variant) }),
    element('td', {}, button),
  );
}

/** State of a variant: progress of its making, or its trouble. */
export function stateText({ state, why, job }) {
  const word = state === 'stale' ? copyTerms.stale.word : state;
  if (why !== null) return `${word}: ${why}`;
  if (job === null || (state !== 'waiting' && state !== 'making')) return word;
  return state === 'waiting' ? `waiting for its model's copy: ${copyText(job)}` : copyText(job);
}

async function askToRemove({ path, name, state, bytes }) {
  const isMade = state === 'ready' || state === 'stale';
  const question = isMade
    ? `Frees ${formatBytes(bytes)}. Workflows that name this file no longer find it; it can be made again. Its model is kept.`
    : 'It is not made, or its making ends. Its model is kept, and so is a former variant.';
  if (!(await confirmed(`Remove ${name}?`, question, { yes: 'Remove' }))) return undefined;
  const removed = await send('/api/variants', { method: 'DELETE', body: { name: path } });
  return { text: isMade ? `${name} is removed: ${formatBytes(removed.bytes)} free.` : `${name} is not made.` };
}
