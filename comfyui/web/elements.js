/** Elements of a page. Text is set as text, never as markup: names of files come from anywhere. */

/** Control characters and marks of direction, as in `src/core/printable.ts`, which can make a name look like another one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be shown
const steering = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A text for display, with a question mark instead of each control character. */
export function plain(text) {
  return String(text).replace(steering, '?');
}

/** Attributes shown to users. */
const spoken = new Set(['title', 'aria-label', 'alt', 'placeholder']);

/** @param options `class`, `text`, `attributes`, `on` (listeners by event) */
export function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  if (options.class) made.className = options.class;
  if (options.text !== undefined) made.textContent = plain(options.text);
  for (const [name, value] of Object.entries(options.attributes ?? {}))
    made.setAttribute(name, spoken.has(name) ? plain(value) : value);
  for (const [event, listener] of Object.entries(options.on ?? {})) made.addEventListener(event, listener);
  made.append(...children);
  return made;
}

/** Names a button, on the screen and for screen readers. */
export function label(button, text) {
  button.title = plain(text);
  button.setAttribute('aria-label', button.title);
}

/** A button with an icon of the frontend's own font, named for screen readers. */
export function iconButton(icon, label, onClick) {
  const attributes = { type: 'button', 'aria-label': label, title: label };
  const inside = element('i', { class: `pi ${icon}`, attributes: { 'aria-hidden': 'true' } });
  return element('button', { class: 'autocached-icon-button', attributes, on: { click: onClick } }, inside);
}

/** Changes the text only when it differs, so that a screen reader does not repeat it. */
export function setText(target, text) {
  const shown = plain(text);
  if (target.textContent !== shown) target.textContent = shown;
}
