import { element, setText } from '../../../comfyui/web/elements.js';
import { counted, formatBytes } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { tell } from './dialogs.js';
import { explain } from './explain.js';
import { askWhatToFree } from './free-space.js';
import { filterBar } from './library-filters.js';
import { libraryRow } from './library-row.js';
import { selectionTools } from './library-tools.js';
import { windowedTable } from './windowed-table.js';

export const title = 'Library';

const columns = [
  { sort: 'name', text: 'Name' },
  { sort: 'category', text: 'Category', class: 'middling' },
  { sort: 'size', text: 'Size', class: 'number', descending: true },
  { sort: 'state', text: 'State', class: 'middling' },
  { sort: 'uses', text: 'Uses', class: 'number middling', descending: true },
  { sort: 'lastUsed', text: 'Last used', class: 'number wider', descending: true },
];
const mostSelected = 10_000;
/** Interval between two looks at the same files, ms. */
const pauseMs = 4000;

/** Every model file on the sources, asked for or not. */
export function show(main, app) {
  const selected = new Map();
  let sorting = { sort: app.query.get('sort') ?? 'lastUsed', descending: app.query.get('descending') !== 'false' };
  let totals = { total: 0, bytes: 0, all: 0 };
  let lastPicked = null;

  const closing = new AbortController();
  const filters = filterBar(app.query, { onChange: changed, signal: closing.signal });
  const count = element('p', { class: 'muted', attributes: { id: 'count', role: 'status' } });
  const all = element('input', {
    attributes: { type: 'checkbox', 'aria-label': 'Select all files that fit' },
    on: { change: () => void pickAll() },
  });
  const head = element('tr', {}, element('th', { class: 'pick', attributes: { scope: 'col' } }, all), ...columns.map(headOf));
  const table = windowedTable({
    head,
    load,
    onTrouble: app.lose,
    ...libraryRow({ selected, pick, explain }),
  });
  const tools = selectionTools({ selected, latest, app, onDone: () => void refresh() });
  const none = element('p', { class: 'muted none', attributes: { hidden: '' } }, 'No file fits. ');
  none.append(
    element('button', {
      class: 'plain',
      text: 'Show all files',
      attributes: { type: 'button' },
      on: {
        click: () => {
          filters.take(new URLSearchParams());
          changed();
        },
      },
    }),
  );
  const free = element('button', {
    text: 'Free space…',
    attributes: { type: 'button' },
    on: { click: () => void askWhatToFree(filters.shares()).then((done) => done && refresh()) },
  });
  main.append(
    element(
      'div',
      { class: 'page fill' },
      element('div', { class: 'head' }, element('h1', { text: 'Library' }), free),
      filters.element,
      element('div', { class: 'head' }, count, tools.element),
      table.element,
    ),
  );
  table.element.append(none);
  showSorting();
  void table.restart();

  function queryOf(more = []) {
    return new URLSearchParams([
      ...filters.query(),
      ['sort', sorting.sort],
      ['descending', String(sorting.descending)],
      ...more,
    ]);
  }

  async function load(offset, limit) {
    const answer = await ask(
      `/api/library?${queryOf([
        ['offset', String(offset)],
        ['limit', String(limit)],
      ])}`,
    );
    totals = answer;
    filters.show(answer);
    showCount();
    return answer;
  }

  function changed() {
    app.remember([...filters.remembered(), ['sort', sorting.sort], ['descending', String(sorting.descending)]]);
    selected.clear();
    tools.show();
    void table.restart();
  }

  async function refresh() {
    await table.refresh();
    tools.show();
  }

  function showCount() {
    const of =
      totals.total === totals.all
        ? counted(totals.all, 'file')
        : `${totals.total.toLocaleString('en-US')} of ${counted(totals.all, 'file')}`;
    const nothing = 'No model files yet. Folders shows where they are looked for.';
    setText(count, totals.all === 0 ? nothing : `${of}, ${formatBytes(totals.bytes)}`);
    none.hidden = totals.total > 0 || totals.all === 0;
    all.checked = totals.total > 0 && selected.size >= Math.min(totals.total, mostSelected);
    all.indeterminate = selected.size > 0 && !all.checked;
  }

  /** Selects or deselects a file; with the shift key, all from the last one picked. */
  function pick(file, at, isPicked, withShift) {
    const from = withShift && lastPicked !== null ? lastPicked : at;
    for (let row = Math.min(from, at); row <= Math.max(from, at); row += 1) {
      const one = row === at ? file : table.fileAt(row);
      if (one && isPicked) selected.set(one.path, one);
      else if (one) selected.delete(one.path);
    }
    lastPicked = at;
    table.redraw();
    showCount();
    tools.show();
  }

  async function pickAll() {
    const isPicked = all.checked;
    selected.clear();
    if (isPicked) {
      const { files, total } = await ask(`/api/library?${queryOf([['limit', String(mostSelected)]])}`);
      for (const file of files) selected.set(file.path, file);
      if (total > files.length) tell(`The first ${counted(files.length, 'file')} are selected.`);
    }
    table.redraw();
    showCount();
    tools.show();
  }

  /** The selected files; rows outside the window are not updated by themselves. */
  async function latest() {
    if (![...selected.keys()].every(table.shows)) {
      const { files } = await ask(`/api/library?${queryOf([['limit', String(mostSelected)]])}`);
      for (const file of files) if (selected.has(file.path)) selected.set(file.path, file);
    }
    return [...selected.values()];
  }

  function headOf(column) {
    const sort = () => {
      const isSame = sorting.sort === column.sort;
      sorting = { sort: column.sort, descending: isSame ? !sorting.descending : column.descending === true };
      showSorting();
      changed();
    };
    const button = element('button', { class: 'link', text: column.text, attributes: { type: 'button' }, on: { click: sort } });
    return element('th', { class: column.class ?? '', attributes: { scope: 'col', 'data-sort': column.sort } }, button);
  }

  function showSorting() {
    for (const cell of head.querySelectorAll('[data-sort]')) {
      const isSorted = cell.dataset.sort === sorting.sort;
      if (isSorted) cell.setAttribute('aria-sort', sorting.descending ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    }
  }

  let shownAt = performance.now();
  return {
    async refresh() {
      // The state of all pages comes each second while copies run.
      if (performance.now() - shownAt < pauseMs) return;
      shownAt = performance.now();
      await table.refresh();
    },
    close: () => closing.abort(),
    moved(query) {
      filters.take(query);
      changed();
    },
  };
}
