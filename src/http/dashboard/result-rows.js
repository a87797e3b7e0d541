import { element } from '../../../comfyui/web/elements.js';
import { counted, formatBytes, formatSeconds } from '../../../comfyui/web/words.js';
import { number } from './tables.js';

/** The rows and figures of results. */

export function namespaceRow({ name, version, items, bytes, settings, totals: { hits, misses, secondsSaved } }, remove) {
  const attributes = { type: 'button', 'data-action': 'clear', 'aria-label': `Clear ${name}` };
  const clear = () => remove({ ns: name, all: true }, `All results of ${name}`);
  const buttons = items > 0 ? [element('button', { text: 'Clear', attributes, on: { click: () => void clear() } })] : [];
  return element(
    'tr',
    {},
    element('td', { text: name }),
    element('td', { class: 'roomy', text: version }),
    number(ofMost(items.toLocaleString('en-US'), settings.maxItems?.toLocaleString('en-US'))),
    number(ofMost(formatBytes(bytes), settings.maxBytes && formatBytes(settings.maxBytes))),
    number(hitRate(hits, misses), 'roomy'),
    number(formatSeconds(secondsSaved), 'roomy'),
    element('td', { class: 'actions' }, ...buttons),
  );
}

export function resultRow(entry, isOpen, { toggle, remove }) {
  const { ns, key, label, kind, bytes, costMs, hits, ageMs, freshForMs, tags } = entry;
  const named = `${ns} ${key.slice(0, 12)}`;
  const button = (action, text, click) =>
    element('button', {
      text,
      attributes: { type: 'button', 'data-action': action, 'aria-label': `${text} ${named}` },
      on: { click },
    });
  const name = element(
    'td',
    { class: 'path', attributes: { title: `${ns} ${key}` } },
    element('div', { text: label ?? key.slice(0, 12) }),
  );
  if (tags.length > 0) name.append(element('div', { class: 'small muted', text: tags.join(', ') }));
  return element(
    'tr',
    {},
    name,
    element('td', { class: 'roomy', text: ns }),
    element('td', { class: 'roomy', text: kind }),
    number(formatBytes(bytes)),
    number(costMs === null ? '' : formatSeconds(costMs / 1000), 'roomy'),
    number(hits.toLocaleString('en-US'), 'roomy'),
    number(formatSeconds(ageMs / 1000), 'roomy'),
    number(freshness(freshForMs), 'roomy'),
    element(
      'td',
      { class: 'actions' },
      button('explain', isOpen ? 'Hide' : 'Explain', () => toggle(entry)),
      ' ',
      button('remove', 'Remove', () => void remove({ ns, keys: [key] }, named)),
    ),
  );
}

export function explanationRow({ state, why, deps, blobs, leavesAfter }) {
  const lines = [
    `${state}: ${why}`,
    ...deps.map((dep) => `depends on ${dep.dep}: ${dep.state}`),
    ...blobs.map(
      ({ sha256, size, sound }) => `blob ${sha256.slice(0, 12)}, ${formatBytes(size)}: ${sound ? 'sound' : 'damaged'}`,
    ),
  ];
  if (leavesAfter !== null) lines.push(`leaves after ${counted(leavesAfter, 'other')}, when there is no room`);
  const cell = element('td', { attributes: { colspan: '9' } });
  cell.append(...lines.map((text) => element('div', { class: 'muted path', text })));
  return element('tr', { class: 'explanation' }, cell);
}

/** Activity and contents of the plane of results. */
export function resultFacts({
  mode,
  state,
  hits,
  misses,
  secondsSaved,
  computing,
  waiting,
  current_items,
  max_items,
  bytes,
  limit,
  ram,
}) {
  const of = (used, most) => `${formatBytes(used)} of ${formatBytes(most)}`;
  const items = [
    fact('Time saved', formatSeconds(secondsSaved)),
    fact('Hit rate', hitRate(hits, misses) || 'none yet'),
    fact('Being computed', waiting > 0 ? `${computing}, ${waiting} waiting` : String(computing)),
    fact(`On disk, ${counted(current_items, 'result')}`, of(bytes, limit), limit > 0 ? bytes / limit : 0),
    fact(`In memory, ${counted(ram.items, 'result')}`, of(ram.bytes, ram.limit), ram.limit > 0 ? ram.bytes / ram.limit : 0),
  ];
  if (current_items >= max_items) items.push(fact('Most results', max_items.toLocaleString('en-US')));
  if (mode !== 'on') items.push(fact('Results are', mode));
  if (state !== 'here') items.push(fact('The cache disk is', state));
  return items;
}

/** @param share 0 to 1 of the maximum */
function fact(name, value, share) {
  const term = element(
    'div',
    { class: 'card' },
    element('dt', { class: 'small muted', text: name }),
    element('dd', { text: value }),
  );
  if (share === undefined) return term;
  const bar = element('span', { class: 'bar', attributes: { 'aria-hidden': 'true' } }, element('span'));
  bar.firstChild.style.inlineSize = `${100 * Math.min(1, share)}%`;
  term.lastChild.append(bar);
  return term;
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
