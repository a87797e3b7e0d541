import { element, setText } from '../../../comfyui/web/elements.js';
import { counted, formatBytes } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { contentRow, farmFacts, hostRow, stateText } from './farm-rows.js';
import { showKeyed } from './keyed.js';
import { typed } from './own-command.js';
import { section } from './section.js';
import { rowsBy, tableOf } from './tables.js';

export const title = 'Farm';

const hostHeads = ['Host', '~Address', '#Origin', '#Received', '#Given', '~#Limit', '~Version'];
const contentHeads = ['Model', '#Size', '#Here', 'Other hosts'];
const alone = () =>
  `This machine shares with no other one. With several machines, "${typed('farm init')}" begins a farm: its hosts read the origin once, and give each other what they have read (docs/FARM.md).`;

/** The hosts that share, their reads by origin, and their contents. */
export function show(main, _app) {
  const state = element('p', { class: 'muted', attributes: { id: 'farm-state', role: 'status' } });
  const facts = element('dl', { class: 'tiles' });
  const hosts = element('tbody', { attributes: { id: 'farm-hosts' } });
  const contents = element('tbody', { attributes: { id: 'farm-contents' } });
  const store = element('p', { class: 'card', attributes: { id: 'shared-store' } });
  const farm = element(
    'div',
    {},
    facts,
    section('Hosts', tableOf(hostHeads, hosts, 'Hosts')),
    section('Models given and fetched', tableOf(contentHeads, contents, 'Models given and fetched')),
  );
  main.append(element('div', { class: 'page' }, element('h1', { text: 'Farm' }), state, farm, store));
  return {
    async refresh() {
      const answer = await ask('/api/farm');
      setText(state, answer.on ? stateText(answer) : alone());
      farm.hidden = !answer.on;
      showKeyed(facts, answer.on ? farmFacts(answer) : [], { keyOf: ([name]) => name, make: factOf, update: showFact });
      showKeyed(
        hosts,
        answer.hosts,
        rowsBy(({ host }) => host, hostRow),
      );
      showKeyed(
        contents,
        answer.contents,
        rowsBy(({ content }) => content, contentRow),
      );
      store.hidden = answer.shared === null;
      setText(store, answer.shared === null ? '' : storeText(answer.shared));
    },
  };
}

function factOf([name]) {
  return element('div', { class: 'card' }, element('dt', { class: 'muted', text: name }), element('dd'));
}

function showFact(card, [, text]) {
  setText(card.lastChild, text);
}

function storeText({ url, state, why, files, bytes, limit }) {
  const away = state === 'up' ? '' : ` It does not answer${why === null ? '' : `: ${why}`}.`;
  return `Shared store ${url}: ${counted(files, 'model')}, ${formatBytes(bytes)} of ${formatBytes(limit)}.${away}`;
}
