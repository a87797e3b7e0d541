import { element, plain, setText } from '../../../comfyui/web/elements.js';
import { counted, formatBytes, formatSeconds } from '../../../comfyui/web/words.js';
import { ask } from './api.js';

const at = (id) => document.getElementById(id);
const shown = 200;

/**
 * The page of results that programs have computed.
 * @param change asks the daemon for a change, and shows what is then; it says what was refused
 * @returns reads and shows them; the ms until they are to be read again
 */
export function resultsPage({ change, say, refresh, idleMs, busyMs }) {
  let explained = null;

  at('results-search').addEventListener('input', () => void refresh());
  at('tag-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const tag = at('tag').value.trim();
    if (tag !== '') void remove({ tags: [tag] }, `Results with the tag ${tag}`).then(() => (at('tag').value = ''));
  });
  at('clear-results').addEventListener('click', () => void remove({ all: true }, 'All results'));

  /** Deletes only after it has said how much. */
  async function remove(which, what) {
    try {
      const { removed, bytes } = await ask('/api/memo/invalidate', { ...which, dryRun: true });
      if (removed === 0) return say(`${what}: there are none.`);
      if (
        !confirm(`${plain(what)}: removes ${counted(removed, 'result')}, ${formatBytes(bytes)}. Programs compute them again.`)
      )
        return;
      await change('/api/memo/invalidate', which);
    } catch (error) {
      say(error.message);
    }
  }

  function namespaceRow({ name, version, items, bytes, settings, totals: { hits, misses, secondsSaved } }) {
    const label = `Clear ${name}`;
    const attributes = { type: 'button', 'data-key': `clear ${name}`, 'aria-label': label };
    const clear = () => remove({ ns: name, all: true }, `All results of ${name}`);
    const buttons = items > 0 ? [element('button', { text: 'Clear', attributes, on: { click: () => void clear() } })] : [];
    return element(
      'tr',
      {},
      element('td', { text: name }),
      element('td', { text: version }),
      element('td', {
        class: 'number',
        text: ofMost(items.toLocaleString('en-US'), settings.maxItems?.toLocaleString('en-US')),
      }),
      element('td', { class: 'number', text: ofMost(formatBytes(bytes), settings.maxBytes && formatBytes(settings.maxBytes)) }),
      element('td', { class: 'number', text: hitRate(hits, misses) }),
      element('td', { class: 'number', text: formatSeconds(secondsSaved) }),
      element('td', { class: 'actions' }, ...buttons),
    );
  }

  function resultRow(entry) {
    const { ns, key, label, kind, bytes, costMs, hits, ageMs, freshForMs, tags } = entry;
    const named = `${ns} ${key.slice(0, 12)}`;
    const button = (what, text, click) =>
      element('button', {
        text,
        attributes: { type: 'button', 'data-key': `${what} ${ns} ${key}`, 'aria-label': `${text} ${named}` },
        on: { click },
      });
    const isOpen = explained !== null && explained.ns === ns && explained.key === key;
    const toggle = () => {
      explained = isOpen ? null : { ns, key };
      void refresh();
    };
    const name = element('td', { attributes: { title: `${ns} ${key}` } }, element('div', { text: label ?? key.slice(0, 12) }));
    if (tags.length > 0) name.append(element('div', { class: 'muted', text: tags.join(', ') }));
    return element(
      'tr',
      {},
      name,
      element('td', { text: ns }),
      element('td', { text: kind }),
      element('td', { class: 'number', text: formatBytes(bytes) }),
      element('td', { class: 'number', text: costMs === null ? '' : formatSeconds(costMs / 1000) }),
      element('td', { class: 'number', text: String(hits) }),
      element('td', { class: 'number', text: formatSeconds(ageMs / 1000) }),
      element('td', { class: 'number', text: freshness(freshForMs) }),
      element(
        'td',
        { class: 'actions' },
        button('explain', isOpen ? 'Hide' : 'Explain', toggle),
        button('remove', 'Remove', () => void remove({ ns, keys: [key] }, named)),
      ),
    );
  }

  function explanationRow({ state, why, deps, blobs, leavesAfter }) {
    const lines = [
      `${state}: ${why}`,
      ...deps.map((dep) => `depends on ${dep.dep}: ${dep.state}`),
      ...blobs.map(
        ({ sha256, size, sound }) => `blob ${sha256.slice(0, 12)}, ${formatBytes(size)}: ${sound ? 'sound' : 'damaged'}`,
      ),
    ];
    if (leavesAfter !== null) lines.push(`leaves after ${counted(leavesAfter, 'other')}, when there is no room`);
    const cell = element('td', { attributes: { colspan: '9', role: 'status' } });
    cell.append(...lines.map((text) => element('div', { class: 'muted', text })));
    return element('tr', { class: 'explanation' }, cell);
  }

  function listPath() {
    const query = new URLSearchParams({ plane: 'memo', sort: 'used', limit: String(shown) });
    if (at('results-search').value.trim() !== '') query.set('search', at('results-search').value.trim());
    return `/api/cache/entries?${query}`;
  }

  return async () => {
    const [stats, { namespaces }, { total, entries }, explanation] = await Promise.all([
      ask('/api/cache/stats?plane=memo'),
      ask('/api/memo/namespaces'),
      ask(listPath()),
      explained && ask(`/api/memo/explain?${new URLSearchParams(explained)}`),
    ]);
    at('results-facts').replaceChildren(...facts(stats));
    const rows = entries.flatMap((entry) => {
      const isExplained = explanation?.ns === entry.ns && explanation.key === entry.key;
      return isExplained ? [resultRow(entry), explanationRow(explanation)] : [resultRow(entry)];
    });
    setText(
      at('results-count'),
      total > entries.length ? `${entries.length} of ${counted(total, 'result')}` : counted(total, 'result'),
    );
    replaceRows(at('namespaces'), namespaces.map(namespaceRow));
    replaceRows(at('entries'), rows);
    return stats.computing > 0 ? busyMs : idleMs;
  };
}

/** The keyboard stays on the button that it was on. */
export function replaceRows(body, rows) {
  const { key } = body.contains(document.activeElement) ? document.activeElement.dataset : {};
  body.replaceChildren(...rows);
  if (key !== undefined) body.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

export function fact(name, value, ...more) {
  return element('div', {}, element('dt', { text: name }), element('dd', { text: value }), ...more);
}

/** @param share 0 to 1 */
export function bar(label, share) {
  const made = element('progress', { attributes: { max: '1', 'aria-label': label } });
  made.value = share;
  return made;
}

function facts({ mode, state, hits, misses, secondsSaved, computing, waiting, current_items, max_items, bytes, limit, ram }) {
  const of = (used, most) => `${formatBytes(used)} of ${formatBytes(most)}`;
  const items = [
    fact('Time saved', formatSeconds(secondsSaved)),
    fact('Hit rate', hitRate(hits, misses) || 'none yet'),
    fact('Being computed', waiting > 0 ? `${computing}, ${waiting} waiting` : String(computing)),
    fact(`Disk, ${counted(current_items, 'result')}`, of(bytes, limit), bar('disk in use', limit > 0 ? bytes / limit : 0)),
    fact(
      `Memory, ${counted(ram.items, 'result')}`,
      of(ram.bytes, ram.limit),
      bar('memory in use', ram.limit > 0 ? ram.bytes / ram.limit : 0),
    ),
  ];
  if (current_items >= max_items) items.push(fact('Most results', max_items.toLocaleString('en-US')));
  if (mode !== 'on') items.push(fact('Results are', mode));
  if (state !== 'here') items.push(fact('The cache disk is', state));
  return items;
}

function hitRate(hits, misses) {
  return hits + misses === 0 ? '' : `${Math.round((100 * hits) / (hits + misses))}%`;
}

function freshness(freshForMs) {
  if (freshForMs === null) return 'always';
  return freshForMs === 0 ? 'stale' : formatSeconds(freshForMs / 1000);
}

function ofMost(value, most) {
  return most ? `${value} of ${most}` : value;
}
