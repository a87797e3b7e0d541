import { element } from '../../../comfyui/web/elements.js';
import { showKeyed } from './keyed.js';

/** Number of rows in one request. */
const pageRows = 100;
/** Number of rows above and below the visible ones. */
const spare = 8;

/**
 * A table of any number of rows, of which only the visible ones are made. All rows are equally high.
 * @param load `(offset, limit)` settles with `total` and `files`
 * @param make, update the row of a file; it has a checkbox
 */
export function windowedTable({ head, load, keyOf, make, update, onTrouble }) {
  const body = element('tbody', { attributes: { id: 'files' } });
  const [above, below] = [spacer(), spacer()];
  const table = element('table', { class: 'library' }, element('thead', {}, head), above, body, below);
  const view = element(
    'div',
    { class: 'card view', attributes: { tabindex: '0', role: 'region', 'aria-label': 'Files' } },
    table,
  );
  let pages = new Map();
  let total = 0;
  let round = 0;
  /** Pages that were requested. */
  let asking = new Set();

  const rowHeight = () => {
    const [row] = body.rows;
    if (row) return row.getBoundingClientRect().height;
    const root = parseFloat(getComputedStyle(document.documentElement).fontSize);
    return parseFloat(getComputedStyle(table).getPropertyValue('--row')) * root;
  };
  const seen = () => {
    const high = rowHeight();
    const first = Math.max(0, Math.floor(view.scrollTop / high) - spare);
    return { high, first, last: Math.min(total, first + Math.ceil(view.clientHeight / high) + 2 * spare) };
  };

  const draw = () => {
    const { high, first, last } = seen();
    const rows = [];
    for (let at = first; at < last; at += 1) {
      const file = pages.get(Math.floor(at / pageRows))?.[at % pageRows];
      if (file) rows.push({ file, at });
    }
    const [start = { at: 0 }] = rows;
    above.firstChild.firstChild.style.blockSize = `${(rows.length > 0 ? start.at : first) * high}px`;
    below.firstChild.firstChild.style.blockSize = `${Math.max(0, total - (rows.at(-1)?.at ?? first - 1) - 1) * high}px`;
    showKeyed(body, rows, {
      keyOf: ({ file }) => keyOf(file),
      make: ({ file }) => make(file),
      update(row, { file, at }) {
        row.setAttribute('aria-rowindex', String(at + 2));
        update(row, file, at);
      },
    });
  };

  /** Requests the visible pages. @param anew also those that are known */
  const fetchSeen = async (anew) => {
    const asked = round;
    const { first, last } = seen();
    const wanted = [];
    for (let page = Math.floor(first / pageRows); page <= Math.floor(Math.max(first, last - 1) / pageRows); page += 1)
      if (anew || !(pages.has(page) || asking.has(page))) wanted.push(page);
    for (const page of wanted) asking.add(page);
    try {
      const answers = await Promise.all(wanted.map((page) => load(page * pageRows, pageRows)));
      if (asked !== round || answers.length === 0) return;
      if (anew) pages = new Map();
      for (const [index, page] of wanted.entries()) pages.set(page, answers[index].files);
      total = answers[0].total;
      table.setAttribute('aria-rowcount', String(total + 1));
      draw();
      // With fewer or more rows than before, others are visible.
      void fetchSeen(false);
    } catch (error) {
      onTrouble(error);
    } finally {
      for (const page of wanted) asking.delete(page);
    }
  };

  view.addEventListener('scroll', () => {
    draw();
    void fetchSeen(false);
  });
  view.addEventListener('keydown', (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -total, End: total }[event.key];
    if (steps === undefined || total === 0) return;
    event.preventDefault();
    const row = document.activeElement.closest('tbody tr[aria-rowindex]');
    const from = row ? Number(row.getAttribute('aria-rowindex')) - 2 : steps > 0 ? -1 : 0;
    void focusRow(Math.min(total - 1, Math.max(0, from + steps)));
  });

  async function focusRow(at) {
    const { high } = seen();
    const top = at * high;
    const headHeight = table.tHead.offsetHeight;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + high + headHeight > view.scrollTop + view.clientHeight)
      view.scrollTop = top + high + headHeight - view.clientHeight;
    draw();
    await fetchSeen(false);
    body.querySelector(`tr[aria-rowindex="${at + 2}"] input`)?.focus({ preventScroll: true });
  }

  new ResizeObserver(draw).observe(view);
  return {
    element: view,
    /** After a change: visible rows are requested again, and stay where they are. */
    refresh: () => fetchSeen(true),
    /** Other files: from the top. */
    restart() {
      round += 1;
      asking = new Set();
      view.scrollTop = 0;
      return fetchSeen(true);
    },
    redraw: draw,
    /** Whether there is a row with this key. */
    shows: (key) => [...body.rows].some((row) => row.dataset.key === key),
    fileAt: (at) => pages.get(Math.floor(at / pageRows))?.[at % pageRows],
  };
}

function spacer() {
  const row = element('tr', {}, element('td'));
  return element('tbody', { class: 'spacer', attributes: { 'aria-hidden': 'true' } }, row);
}
