import { element, setText } from '../../../comfyui/web/elements.js';
import { libraryTerms } from '../../../comfyui/web/vocabulary.js';

const searchMs = 200;
/** The choice "no category" in addresses. */
const noCategory = 'none';

/** Search and filters, several at once; of one filter, several choices. @param query of the address @param signal ends it */
export function filterBar(query, { onChange, signal }) {
  let timer;
  let shares = { categories: [], folders: [] };
  const search = element('input', {
    attributes: { type: 'search', id: 'search', placeholder: 'Part of a name', 'aria-label': 'Search by parts of the name' },
    on: {
      input: () => {
        clearTimeout(timer);
        timer = setTimeout(onChange, searchMs);
      },
    },
  });
  const filters = {
    category: choices('Category', { onChange, signal }),
    root: choices('Folder', { onChange, signal }),
    state: choices('State', { onChange, signal }),
    tier: choices('Tier', { onChange, signal }),
  };
  const pinned = element('input', { attributes: { type: 'checkbox', id: 'pinned' }, on: { change: onChange } });
  const clear = element('button', {
    class: 'plain',
    text: 'Clear filters',
    attributes: { type: 'button' },
    on: {
      click: () => {
        take(new URLSearchParams());
        onChange();
      },
    },
  });
  const whole = element(
    'div',
    { class: 'tools filters' },
    search,
    ...Object.values(filters).map((filter) => filter.element),
    element('label', { class: 'check' }, pinned, 'Pinned'),
    clear,
  );
  take(query);

  function take(from) {
    search.value = from.get('search') ?? '';
    pinned.checked = from.get('pinned') === 'true';
    for (const [name, filter] of Object.entries(filters)) filter.take(from.getAll(name));
  }

  const remembered = () => [
    ['search', search.value.trim()],
    ...Object.entries(filters).flatMap(([name, filter]) => filter.chosen().map((value) => [name, value])),
    ['pinned', pinned.checked ? 'true' : ''],
  ];

  return {
    element: whole,
    take,
    remembered,
    shares: () => shares,
    query: () =>
      remembered()
        .filter(([, value]) => value !== '')
        .map(([name, value]) => [name, name === 'category' && value === noCategory ? '' : value]),
    /** @param answer of the library, with the choices */
    show({ categories, folders, states }) {
      shares = { categories, folders };
      filters.category.show(
        categories.map(({ name, files }) => ({ value: name || noCategory, text: name || 'no category', files })),
      );
      filters.root.show(folders.map(({ name, files }) => ({ value: name, text: name, files })));
      filters.state.show(
        states
          .filter(({ files }) => files > 0)
          .map(({ name, files }) => ({ value: name, text: libraryTerms[name].word, files })),
      );
      filters.tier.show(['ram', 'ssd', 'cold'].map((name) => ({ value: name, text: name.toUpperCase() })));
      clear.hidden = remembered().every(([, value]) => value === '');
    },
  };
}

/** A button that opens a list to tick. */
function choices(title, { onChange, signal }) {
  const list = element('div', { class: 'choices' });
  const summary = element('summary', { text: title });
  const whole = element('details', { class: 'filter', attributes: { name: 'filter' } }, summary, list);
  let chosen = [];
  let shown = '';
  const showCount = () => setText(summary, chosen.length > 0 ? `${title}: ${chosen.length}` : title);
  const close = () => whole.removeAttribute('open');
  whole.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    close();
    summary.focus();
  });
  document.addEventListener('pointerdown', (event) => whole.contains(event.target) || close(), { signal });
  const tick = ({ value, text, files }) => {
    const box = element('input', { attributes: { type: 'checkbox', value } });
    box.checked = chosen.includes(value);
    box.addEventListener('change', () => {
      chosen = box.checked ? [...chosen, value] : chosen.filter((one) => one !== value);
      showCount();
      onChange();
    });
    const count = files === undefined ? '' : files.toLocaleString('en-US');
    return element(
      'label',
      { class: 'check' },
      box,
      element('span', { class: 'path', text }),
      element('span', { class: 'muted number', text: count }),
    );
  };
  return {
    element: whole,
    chosen: () => chosen,
    take(values) {
      chosen = values;
      shown = '';
      for (const box of list.querySelectorAll('input')) box.checked = chosen.includes(box.value);
      showCount();
    },
    /** Made again only when the choices differ: a tick keeps the keyboard focus. */
    show(items) {
      const text = JSON.stringify(items);
      if (text === shown || (whole.open && list.childElementCount === items.length)) return;
      shown = text;
      list.replaceChildren(...items.map(tick));
    },
  };
}
