import { element } from '../../../comfyui/web/elements.js';

/** Tables whose rows are kept from look to look. */

/** A row is made again when its content differs; the keyboard focus stays on its button. */
export function rowsBy(keyOf, make) {
  return {
    keyOf,
    make,
    update(row, item) {
      const anew = make(item);
      if (anew.textContent === row.textContent) return;
      const focused = row.contains(document.activeElement) ? document.activeElement.dataset.action : undefined;
      row.replaceChildren(...anew.children);
      if (focused !== undefined) row.querySelector(`[data-action="${focused}"]`)?.focus();
    },
  };
}

/** @param heads `#` marks a column of numbers, `~` one that narrow windows leave out; the empty one is that of the buttons */
export function tableOf(heads, body, label) {
  const cells = heads.map((text) => {
    if (text === '')
      return element('th', { attributes: { scope: 'col' } }, element('span', { class: 'unseen', text: 'Actions' }));
    const kind = `${text.includes('#') ? 'number' : ''} ${text.includes('~') ? 'roomy' : ''}`;
    return element('th', { class: kind.trim(), text: text.replace(/[~#]/g, ''), attributes: { scope: 'col' } });
  });
  const table = element('table', {}, element('thead', {}, element('tr', {}, ...cells)), body);
  return element('div', { class: 'card wide', attributes: { tabindex: '0', role: 'region', 'aria-label': label } }, table);
}

/** A cell. @param room `roomy` for a column that narrow windows leave out */
export function number(text, room = '') {
  return element('td', { class: `number ${room}`.trim(), text });
}
