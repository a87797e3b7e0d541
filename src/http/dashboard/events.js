import { element, setText } from '../../../comfyui/web/elements.js';
import { counted } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { tell } from './dialogs.js';
import { eventText, isTrouble, kindNames, kindOf } from './event-words.js';
import { showKeyed } from './keyed.js';

export const title = 'Events';

const most = 500;
const passing = ['job-progress', 'verify-progress'];

/** What has happened, the newest first. */
export function show(main) {
  let all = [];
  let number = 0;
  const kind = element('select', { attributes: { id: 'kind', 'aria-label': 'Kind of events' }, on: { change: draw } });
  kind.append(...['All events', 'Troubles', ...kindNames].map((text) => element('option', { text })));
  const list = element('ol', { class: 'card rows events' });
  const count = element('p', { class: 'muted' });
  const none = element('p', { class: 'card muted', text: 'No events yet.' });
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
    try {
      const { events } = await ask('/api/events/recent');
      all = [...all, ...events.map((event) => ({ ...event, number: number++ }))];
      draw();
    } catch (error) {
      tell(error.message);
    }
  }

  function draw() {
    const isMeant = ({ name, data }) =>
      kind.selectedIndex === 0 || (kind.selectedIndex === 1 ? isTrouble(name, data) : kindOf(name) === kind.value);
    const shown = all.filter(isMeant);
    list.hidden = shown.length === 0;
    none.hidden = shown.length > 0;
    setText(count, shown.length === 0 ? '' : `${counted(shown.length, 'event')}, the newest first`);
    showKeyed(list, shown, { keyOf: (event) => event.number, make: eventRow });
  }

  return {
    event(name, data) {
      if (passing.includes(name)) return;
      all = [{ name, data, at: new Date().toISOString(), number: number++ }, ...all].slice(0, most);
      draw();
    },
  };
}

function eventRow({ name, data, at }) {
  const when = new Date(at);
  const today = when.toDateString() === new Date().toDateString();
  const text = today
    ? when.toLocaleTimeString('en-GB')
    : when.toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  return element(
    'li',
    {},
    element('time', { class: 'muted small when', text, attributes: { datetime: at, title: when.toString() } }),
    element('span', {
      class: `grow path ${isTrouble(name, data) ? 'bad' : ''}`,
      text: eventText(name, data),
      attributes: { title: data.path ?? '' },
    }),
  );
}
