import { element, iconButton, label, plain, setText } from './elements.js';
import { describeModel, formatBytes, nameOf } from './words.js';

/** One model of the workflow: made once, and kept up to date, so that the keyboard stays where it is. */
export class ModelRow {
  #name = element('span', { class: 'autocached-name' });
  #facts = element('span', { class: 'autocached-muted' });
  #place = element('span', { class: 'autocached-place' });
  #detail = element('div', { class: 'autocached-detail' });
  #bar = element('progress', { attributes: { max: '100' } });
  #copy;
  #pin;
  #model = null;
  root;

  /** @param change as `change` of the routes, for this model */
  constructor(change) {
    const act = (what) => change({ [what]: [nameOf(this.#model)] });
    this.#copy = iconButton('pi-download', '', () => act('warm'));
    this.#pin = iconButton('pi-thumbtack', '', () => act(this.#model.pinned ? 'unpin' : 'pin'));
    const texts = element('div', { class: 'autocached-texts' }, this.#name, this.#facts);
    const first = element('div', { class: 'autocached-line' }, texts, this.#place, this.#copy, this.#pin);
    this.root = element('li', { class: 'autocached-model' }, first, this.#bar, this.#detail);
  }

  update(model, copies, { mayChange, mode }) {
    this.#model = model;
    const { tone, place, percent, detail, canCopy } = describeModel(model, copies);
    const file = model.name.split('/').pop();
    this.root.dataset.tone = tone;
    setText(this.#name, file);
    this.#name.title = plain(model.name);
    setText(this.#facts, [model.category, model.size === null ? null : formatBytes(model.size)].filter(Boolean).join(', '));
    setText(this.#place, place);
    this.#place.title = plain(`${model.reason}: ${model.why}`);
    setText(this.#detail, detail);
    this.#bar.hidden = percent === null;
    this.#bar.value = percent ?? 0;
    this.#bar.setAttribute('aria-label', plain(`${file} is being copied`));
    this.#copy.hidden = !mayChange || mode !== 'read-write' || !canCopy;
    this.#pin.hidden = !mayChange || nameOf(model) === null || model.size === null;
    this.#pin.setAttribute('aria-pressed', String(model.pinned));
    label(this.#copy, `Copy ${file} to the fast disk now`);
    label(this.#pin, model.pinned ? `${file} is kept; let it go when room is needed` : `Keep ${file} on the fast disk`);
  }
}
