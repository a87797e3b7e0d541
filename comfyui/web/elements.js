/** Elements of a page. Text is set as text, never as markup: names of files come from anywhere. */

/** @param options `class`, `text`, `attributes`, `on` (listeners by event) */
export function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  if (options.class) made.className = options.class;
  if (options.text !== undefined) made.textContent = options.text;
  for (const [name, value] of Object.entries(options.attributes ?? {})) made.setAttribute(name, value);
  for (const [event, listener] of Object.entries(options.on ?? {})) made.addEventListener(event, listener);
  made.append(...children);
  return made;
}

/** A button with an icon of the frontend's own font, named for those who do not see it. */
export function iconButton(icon, label, onClick) {
  const attributes = { type: 'button', 'aria-label': label, title: label };
  const inside = element('i', { class: `pi ${icon}`, attributes: { 'aria-hidden': 'true' } });
  return element('button', { class: 'autocached-icon-button', attributes, on: { click: onClick } }, inside);
}

/** Changes the text only when it differs, so that a reader of the screen is not told the same again. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
