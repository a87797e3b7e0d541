import { element, setText } from '../../../comfyui/web/elements.js';
import { formatBytes } from '../../../comfyui/web/words.js';
import { agoText, splitPath } from './figures.js';

const tones = {
  ready: 'good',
  copying: 'accent',
  queued: 'accent',
  changed: 'warn',
  away: 'bad',
  'cache-away': 'bad',
  'not-seen': 'bad',
};

/** The rows of the library. @param pick called when a file is selected or deselected @param explain shows all about one */
export function libraryRow({ selected, pick, explain }) {
  return {
    keyOf: ({ path }) => path,
    make(file) {
      const box = element('input', { attributes: { type: 'checkbox', 'aria-label': `Select ${file.name}` } });
      const { before, base } = splitPath(file.name);
      const name = element('button', { class: 'link file', attributes: { type: 'button', title: file.path } });
      name.append(element('span', { class: 'muted small clip', text: before }), element('span', { class: 'clip', text: base }));
      const row = element(
        'tr',
        { attributes: { 'data-path': file.path } },
        element('td', { class: 'pick' }, box),
        element('td', { class: 'name' }, name, stateIn('beneath small muted clip')),
        element('td', { class: 'middling clip' }),
        element('td', { class: 'number' }),
        element('td', { class: 'middling' }, stateIn('state clip')),
        element('td', { class: 'number middling' }),
        element('td', { class: 'number wider' }),
      );
      box.addEventListener('click', (event) => pick(row.file, row.at, box.checked, event.shiftKey));
      name.addEventListener('click', () => void explain(row.file.path));
      return row;
    },
    update(row, file, at) {
      Object.assign(row, { file, at });
      // The selection keeps the latest state of its files.
      if (selected.has(file.path)) selected.set(file.path, file);
      const [pickCell, name, category, size, state, uses, used] = row.cells;
      pickCell.firstChild.checked = selected.has(file.path);
      row.classList.toggle('picked', selected.has(file.path));
      setText(category, file.category ?? '');
      setText(size, formatBytes(file.size));
      const how = [file.word, file.tiers.map((tier) => tier.toUpperCase()).join(', '), file.pinned ? 'pinned' : ''];
      showState(state.firstChild, file, how);
      showState(name.lastChild, file, [...how, file.category]);
      setText(uses, file.uses.toLocaleString('en-US'));
      setText(used, agoText(file.lastUsedAt));
    },
  };
}

function stateIn(kind) {
  return element('div', { class: kind }, element('span', { class: 'dot' }), element('span'));
}

function showState(shown, { state, why }, parts) {
  shown.firstChild.style.background = `var(--${tones[state] ?? 'edge'})`;
  shown.title = why;
  setText(shown.lastChild, parts.filter(Boolean).join(' · '));
}
