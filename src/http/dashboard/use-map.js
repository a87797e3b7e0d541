import { element, setText } from '../../../comfyui/web/elements.js';
import { counted, formatBytes } from '../../../comfyui/web/words.js';
import { copiesText } from './figures.js';
import { addressOf } from './router.js';
import { squarify } from './treemap.js';

/** Share of the whole below which parts are shown together. */
const leastShare = 0.015;
const height = 180;
/** Maximum width of a narrow map, in which parts would be too narrow for their names. */
const narrow = 480;
const narrowHeight = 260;

/** The contents of the cache by category: each part leads to its files. */
export function useMap() {
  const list = element('ul', { class: 'map', attributes: { 'aria-label': 'Cache use by category' } });
  const empty = element('p', { class: 'card muted', text: 'Nothing is cached yet.' });
  // For users without a pointer to rest on a part. Screen readers have the label of each.
  const rest = element('p', { class: 'small muted', attributes: { 'aria-hidden': 'true' } });
  const whole = element('div', {}, list, rest, empty);
  let parts = [];
  const draw = () => {
    const width = list.clientWidth;
    if (width === 0) return;
    const high = width < narrow ? narrowHeight : height;
    list.style.blockSize = `${high}px`;
    const places = squarify(
      parts.map(({ bytes }) => bytes),
      width,
      high,
    );
    const items = parts.map((part, index) => partOf(part, places[index], parts));
    list.replaceChildren(...items);
    const unnamed = parts.filter((_, index) => items[index].textContent === '');
    rest.hidden = unnamed.length === 0;
    setText(rest, unnamed.map((part) => `${nameOf(part)} ${formatBytes(part.bytes)}`).join(', '));
  };
  new ResizeObserver(draw).observe(list);
  return {
    element: whole,
    /** @param shares of the library, by category */
    show(shares) {
      parts = partsOf(shares);
      list.hidden = parts.length === 0;
      empty.hidden = parts.length > 0;
      draw();
    },
  };
}

function partsOf(shares) {
  const used = shares
    .filter(({ cachedBytes }) => cachedBytes > 0)
    .map(({ name, cached, cachedBytes }) => ({ name, files: cached, bytes: cachedBytes }));
  const total = used.reduce((sum, { bytes }) => sum + bytes, 0);
  const shown = used.filter(({ bytes }) => bytes >= total * leastShare);
  const small = used.slice(shown.length);
  if (small.length < 2) return used;
  const sum = (key) => small.reduce((all, part) => all + part[key], 0);
  return [...shown, { name: null, several: small.length, files: sum('files'), bytes: sum('bytes') }];
}

function nameOf({ name, several }) {
  return name === null ? counted(several, 'other') : name || 'no category';
}

function partOf(part, { x, y, width, height: high }, parts) {
  const { name, files, bytes } = part;
  const shown = nameOf(part);
  const text = `${shown} ${formatBytes(bytes)}, ${copiesText(files)}`;
  const address = addressOf('library', [['state', 'ready'], ...(name === null ? [] : [['category', name || 'none']])]);
  const link = element('a', { attributes: { href: address, title: text, 'aria-label': text } });
  // The label alone has words that would be cut off.
  const pieces = shown.split(/(?<=_)/);
  const fits = width > 9 * Math.max(...pieces.map(({ length }) => length)) + 24;
  const lines = width > 9 * shown.length + 24 ? 1 : pieces.length;
  if (fits && high > 22 * lines + 16) {
    link.append(element('span', { class: 'name' }, ...pieces.flatMap((piece) => [piece, element('wbr')])));
    if (high > 22 * lines + 40) link.append(' ', element('span', { class: 'small', text: formatBytes(bytes) }));
  }
  const depth = bytes / parts[0].bytes;
  link.style.setProperty('--depth', `${Math.round(12 + 22 * depth)}%`);
  const item = element('li', {}, link);
  Object.assign(item.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${high}px` });
  return item;
}
