import { element, setText } from '../../../comfyui/web/elements.js';
import { counted } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { showKeyed } from './keyed.js';

export const title = 'Events';

const passing = ['job-progress', 'verify-progress'];
/** Delay that joins many events at once, ms. */
const soonMs = 300;
const always = ['All events', 'Troubles'];

/** The events, the newest first. */
export function show(main, app) {
  let told = [];
  let timer = null;
  const kind = element('select', { attributes: { id: 'kind', 'aria-label': 'Kind of events' }, on: { change: draw } });
  const list = element('ol', { class: 'card rows events' });
  const count = element('p', { class: 'muted' });
  const none = element('p', { class: 'card muted' });
  main.append(
    element(
      'div',
      { class: 'page' },
      element('div', { class: 'head' }, element('h1', { text: 'Events' }), kind),
      count,
      list,
      none,
    ),
  );
  void load();

  async function load() {
    timer = null;
    try {
      const { kinds, events } = await ask('/api/events/told');
      if (kind.length === 0) kind.append(...[...always, ...kinds].map((text) => element('option', { text })));
      told = events;
      draw();
    } catch (error) {
      app.lose(error);
    }
  }

  function draw() {
    const isMeant = (event) =>
      kind.selectedIndex <= 0 || (kind.selectedIndex === 1 ? event.trouble : event.kind === kind.value);
    const shown = told.filter(isMeant);
    list.hidden = shown.length === 0;
    none.hidden = shown.length > 0;
    setText(none, told.length === 0 ? 'No events yet.' : `No events of this kind, of ${counted(told.length, 'event')}.`);
    setText(count, shown.length === 0 ? '' : `${counted(shown.length, 'event')}, the newest first`);
    showKeyed(list, shown, { keyOf: (event) => event.number, make: eventRow });
  }

  return {
    event(name) {
      if (!passing.includes(name)) timer ??= setTimeout(load, soonMs);
    },
    close: () => clearTimeout(timer),
  };
}

function eventRow({ at, path, text, trouble }) {
  const when = new Date(at);
  const today = when.toDateString() === new Date().toDateString();
  const shown = today
    ? when.toLocaleTimeString('en-GB')
    : when.toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  return element(
    'li',
    {},
    element('time', { class: 'muted small when', text: shown, attributes: { datetime: at, title: when.toString() } }),
    element('span', { class: `grow path ${trouble ? 'bad' : ''}`, text, attributes: { title: path ?? '' } }),
  );
}
