import { element } from '../../../comfyui/web/elements.js';

/** A part of a page with its heading. */
export function section(text, ...children) {
  return element('section', { class: 'section' }, element('h2', { text }), ...children);
}
