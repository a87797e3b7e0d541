import { element, setText } from './elements.js';
import { copyText } from './words.js';
import { leftText, wantedTexts, workOf } from './work.js';

const most = 8;

/** All running copies, also of other workflows, in order, each with its status and reason. */
export class Queue {
  #summary = element('span', { class: 'autocached-muted', attributes: { role: 'status' } });
  #list = element('ol', { class: 'autocached-models' });
  root = element('section', { attributes: { hidden: '' } }, element('h4', { text: 'Copies' }), this.#summary, this.#list);

  /** @param view with `copies` and, for the same ones, `queue` */
  update({ copies, queue = [], paused = false }) {
    this.root.hidden = copies.length === 0;
    if (copies.length === 0) return;
    setText(this.#summary, `${leftText(workOf(copies, paused))}${paused ? ', paused' : ''}`);
    const named = new Map(queue.map((one) => [one.id, one]));
    const rows = copies.slice(0, most).map((copy) => rowOf(copy, named.get(copy.id)));
    const rest = copies.length - most;
    if (rest > 0) rows.push(element('li', { class: 'autocached-muted', text: `and ${rest} more` }));
    // It has no controls, so it is rebuilt.
    this.#list.replaceChildren(...rows);
  }
}

function rowOf(copy, { name = '', priority = '' } = {}) {
  const why = wantedTexts[priority];
  return element(
    'li',
    { class: 'autocached-model' },
    element('div', { class: 'autocached-name', text: name }),
    element('div', { class: 'autocached-detail', text: [copyText(copy), why].filter(Boolean).join(' · ') }),
  );
}
