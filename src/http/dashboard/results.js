import { element, plain, setText } from '../../../comfyui/web/elements.js';
import { counted, resultCostText } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { attempt, confirmed } from './dialogs.js';
import { showKeyed } from './keyed.js';
import { explanationRow, namespaceRow, resultFacts, resultRow } from './result-rows.js';
import { section } from './section.js';
import { rowsBy, tableOf } from './tables.js';

export const title = 'Results';

const shown = 200;
const searchMs = 200;
const namespaceHeads = ['Namespace', '~Version', '#Results', '#Size', '~#Hit rate', '~#Time saved', ''];
const resultHeads = ['Result', '~Namespace', '~Kind', '#Size', '~#Cost', '~#Hits', '~#Age', '~#Fresh for', ''];

/** The results that programs have computed. */
export function show(main, app) {
  let explained = null;
  let timer;
  const facts = element('dl', { class: 'tiles' });
  const namespaces = element('tbody', { attributes: { id: 'namespaces' } });
  const entries = element('tbody', { attributes: { id: 'entries' } });
  const count = element('span', { class: 'muted', attributes: { role: 'status' } });
  const search = element('input', {
    attributes: { id: 'results-search', type: 'search', placeholder: 'Namespace, key, tag', 'aria-label': 'Search results' },
    on: {
      input: () => {
        clearTimeout(timer);
        timer = setTimeout(app.refresh, searchMs);
      },
    },
  });
  const tag = element('input', {
    attributes: { id: 'tag', placeholder: 'Tag to remove', 'aria-label': 'Tag of results to remove' },
  });
  const tagForm = element(
    'form',
    { class: 'tools', attributes: { id: 'tag-form' } },
    tag,
    element('button', { text: 'Invalidate', attributes: { type: 'submit' } }),
  );
  tagForm.addEventListener('submit', (event) => {
    event.preventDefault();
    const named = tag.value.trim();
    if (named !== '') void remove({ tags: [named] }, `Results with the tag ${named}`).then(() => (tag.value = ''));
  });
  const clear = element('button', {
    text: 'Clear all',
    attributes: { type: 'button', id: 'clear-results' },
    on: { click: () => void remove({ all: true }, 'All results') },
  });
  main.append(
    element(
      'div',
      { class: 'page' },
      element('div', { class: 'head' }, element('h1', { text: 'Results' }), clear),
      facts,
      section('Namespaces', tableOf(namespaceHeads, namespaces, 'Namespaces')),
      section('Entries', element('div', { class: 'head' }, search, count, tagForm), tableOf(resultHeads, entries, 'Results')),
    ),
  );

  /** Deletes only after showing how much. */
  async function remove(which, what) {
    await attempt(async () => {
      const [{ current_items: of }, { removed, bytes }] = await Promise.all([
        ask('/api/cache/stats?plane=memo'),
        ask('/api/memo/invalidate', { ...which, dryRun: true }),
      ]);
      if (removed === 0) return { text: `${what}: there are none.` };
      const text = `${plain(what)}: ${resultCostText(removed, of, bytes)}. Programs compute them again.`;
      if (!(await confirmed('Remove results', text, { yes: 'Remove' }))) return undefined;
      await ask('/api/memo/invalidate', which);
      return { text: `${counted(removed, 'result')} removed.` };
    });
    app.refresh();
  }

  function toggle({ ns, key }) {
    explained = explained?.ns === ns && explained.key === key ? null : { ns, key };
    app.refresh();
  }

  function listPath() {
    const query = new URLSearchParams({ plane: 'memo', sort: 'used', limit: String(shown) });
    if (search.value.trim() !== '') query.set('search', search.value.trim());
    return `/api/cache/entries?${query}`;
  }

  return {
    async refresh() {
      const [stats, all, { total, entries: listed }, explanation] = await Promise.all([
        ask('/api/cache/stats?plane=memo'),
        ask('/api/memo/namespaces'),
        ask(listPath()),
        explained && ask(`/api/memo/explain?${new URLSearchParams(explained)}`),
      ]);
      facts.replaceChildren(...resultFacts(stats));
      setText(count, total > listed.length ? `${listed.length} of ${counted(total, 'result')}` : counted(total, 'result'));
      showKeyed(
        namespaces,
        all.namespaces,
        rowsBy(
          ({ name }) => name,
          (one) => namespaceRow(one, remove),
        ),
      );
      const withExplanation = listed.flatMap((entry) => {
        const isExplained = explanation?.ns === entry.ns && explanation.key === entry.key;
        return isExplained ? [{ entry, isOpen: true }, { explanation }] : [{ entry, isOpen: false }];
      });
      const keyOf = ({ entry, explanation: told }) => (entry ? `${entry.ns} ${entry.key}` : `why ${told.ns} ${told.key}`);
      const make = (item) =>
        item.entry ? resultRow(item.entry, item.isOpen, { toggle, remove }) : explanationRow(item.explanation);
      showKeyed(entries, withExplanation, rowsBy(keyOf, make));
    },
  };
}
