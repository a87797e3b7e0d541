import { element, plain, setText } from '../../../comfyui/web/elements.js';
import { modeTerms, rootTerms, untilAsked } from '../../../comfyui/web/vocabulary.js';
import { copyText, costText, counted, formatBytes, formatSeconds, percentOf } from '../../../comfyui/web/words.js';
import { ask, DaemonAway, signIn } from './api.js';
import { bar, fact, replaceRows, resultsPage } from './results.js';

const at = (id) => document.getElementById(id);
const shownFiles = 200;
const busyMs = 1000;
const idleMs = 5000;
const signInText = 'Run `autocached dashboard` and open the address that it prints.';

const signedIn = await signIn(location, history, localStorage);
let timer;
let page = 'models';
const load = { models: loadModels, results: () => Promise.resolve(idleMs) };

if (!signedIn) setText(at('said'), signInText);
else begin();

function begin() {
  for (const [value, { word, says }] of Object.entries(modeTerms)) {
    const attributes = { type: 'radio', name: 'mode', value };
    const input = element('input', { attributes, on: { change: () => change('/api/cache/config', { mode: value }) } });
    at('modes').append(element('label', { attributes: { title: says } }, input, ` ${word}`));
  }
  for (const id of ['search', 'cached']) at(id).addEventListener('input', () => void refresh());
  at('limit-form').addEventListener('submit', (event) => {
    event.preventDefault();
    void changeLimit(at('limit').value.trim()).catch((error) => setText(at('said'), error.message));
  });
  const say = (text) => setText(at('said'), text);
  load.results = resultsPage({ change, say, refresh, idleMs, busyMs });
  for (const button of at('pages').querySelectorAll('button')) button.addEventListener('click', () => open(button.value));
  at('pages').hidden = false;
  document.addEventListener('visibilitychange', () => void refresh());
  void refresh();
}

function open(name) {
  page = name;
  for (const button of at('pages').querySelectorAll('button'))
    if (button.value === name) button.setAttribute('aria-current', 'page');
    else button.removeAttribute('aria-current');
  void refresh();
}

async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  let pause = idleMs;
  try {
    pause = await load[page]();
    for (const name of Object.keys(load)) at(name).hidden = name !== page;
    at('body').hidden = false;
    setText(at('said'), '');
  } catch (error) {
    at('body').hidden = true;
    setText(at('said'), error instanceof DaemonAway ? 'The daemon is not running.' : `${error.message}. ${signInText}`);
  }
  clearTimeout(timer);
  timer = setTimeout(() => void refresh(), pause);
}

async function loadModels() {
  const [stats, { jobs }, files, uncached] = await Promise.all([
    ask('/api/cache/stats'),
    ask('/api/jobs?limit=50'),
    ask(filesPath()),
    at('cached').checked ? { total: 0, files: [] } : ask(sourcesPath()),
  ]);
  show(stats, jobs, files, uncached);
  return stats.jobs.running > 0 ? busyMs : idleMs;
}

async function change(path, body) {
  let refusal = '';
  try {
    await ask(path, body);
  } catch (error) {
    refusal = error.message;
  }
  await refresh();
  if (refusal !== '') setText(at('said'), refusal);
}

/** A limit under which copies have to leave is asked about first. */
async function changeLimit(limit) {
  const { leaving } = await ask(`/api/cache/config?${new URLSearchParams({ limit })}`);
  const cost = leaving ? costText(leaving.copies, leaving.of, leaving.bytes) : '';
  at('limit').value = '';
  if (leaving && leaving.copies > 0 && !confirm(`A limit of ${limit} ${cost}. Sources are kept.`)) return;
  await change('/api/cache/config', { limit });
}

function filesPath() {
  const query = new URLSearchParams({ sort: 'lastUsed', descending: 'true', limit: String(shownFiles) });
  if (at('cached').checked) query.set('cached', 'true');
  if (at('search').value !== '') query.set('search', at('search').value);
  return `/api/cache/entries?${query}`;
}

function sourcesPath() {
  const query = new URLSearchParams({ limit: String(shownFiles) });
  if (at('search').value !== '') query.set('search', at('search').value);
  return `/api/cache/sources?${query}`;
}

function show(stats, jobs, { total, entries }, uncached) {
  for (const input of at('modes').querySelectorAll('input')) input.checked = input.value === stats.mode;
  at('facts').replaceChildren(...facts(stats));
  const underWay = jobs.filter(({ state }) => state === 'running' || state === 'queued');
  at('copies').replaceChildren(...(underWay.length > 0 ? underWay.map(copyRow) : [quiet('none')]));
  const rows = [...entries.map(fileRow), ...uncached.files.map(sourceRow)].slice(0, shownFiles);
  const all = total + uncached.total;
  setText(at('count'), all > rows.length ? `${rows.length} of ${counted(all, 'file')}` : counted(all, 'file'));
  replaceRows(at('files'), rows);
  const known = stats.roots.filter(({ files, origin }) => files || origin !== 'comfyui');
  at('roots').replaceChildren(...(known.length > 0 ? known.map(rootRow) : [quiet('none yet')]));
}

function facts({ secondsSaved, hitRate, hitBytes, tiers, jobs, accounting }) {
  const items = [
    fact('Time saved', formatSeconds(secondsSaved)),
    fact('Cache hit rate', hitRate === null ? 'none yet' : `${Math.round(hitRate * 100)}%, ${formatBytes(hitBytes)}`),
    fact('Copying now', jobs.queued > 0 ? `${jobs.running}, ${jobs.queued} waiting` : `${jobs.running}`),
  ];
  if (accounting) items.push(fact('Accounting', `${accounting.seen} looked at; copies wait`));
  for (const { tier, files, bytes, limit } of tiers) {
    if (tier === 'ssd') at('limit').placeholder = formatBytes(limit);
    items.push(
      fact(
        `${tier.toUpperCase()}, ${counted(files, 'file')}`,
        `${formatBytes(bytes)} of ${formatBytes(limit)}`,
        bar(`${tier} in use`, limit > 0 ? bytes / limit : 0),
      ),
    );
  }
  return items;
}

function copyRow(job) {
  const done = bar(job.path, percentOf(job) / 100);
  return element('li', {}, element('div', { text: job.path }), done, element('div', { class: 'muted', text: copyText(job) }));
}

function fileRow({ id, path, name, category, size, uses, lastUsedAt, pinned, copies }) {
  const button = (what, text, route) => {
    const attributes = { type: 'button', 'data-key': `${what} ${id}`, 'aria-label': `${text} ${name}` };
    return element('button', { text, attributes, on: { click: () => change(route, { ids: [id] }) } });
  };
  const ready = copies.filter(({ state }) => state === 'ready');
  const buttons = [button('pin', pinned ? 'Unpin' : 'Pin', `/api/cache/${pinned ? 'unpin' : 'pin'}`)];
  if (ready.length > 0 && !pinned) buttons.push(evictButton(id, name));
  return element(
    'tr',
    {},
    element('td', { text: name, attributes: { title: path } }),
    element('td', { text: category ?? '' }),
    element('td', { class: 'number', text: formatBytes(size) }),
    element('td', { text: ready.map(({ tier }) => tier.toUpperCase()).join(', ') }),
    element('td', { class: 'number', text: String(uses) }),
    element('td', { text: lastUsedAt === null ? '' : new Date(lastUsedAt).toLocaleString() }),
    element('td', { class: 'actions' }, ...buttons),
  );
}

/** Deletes only after it has said how much. */
function evictButton(id, name) {
  const attributes = { type: 'button', 'data-key': `evict ${id}`, 'aria-label': `Evict ${name}` };
  const evict = async () => {
    const { files, of, bytes } = await ask('/api/cache/evict', { ids: [id], dryRun: true });
    if (files === 0 || confirm(`${plain(name)}: ${costText(files, of, bytes)}. The source is kept.`))
      await change('/api/cache/evict', { ids: [id] });
  };
  return element('button', {
    text: 'Evict',
    attributes,
    on: { click: () => void evict().catch((error) => setText(at('said'), error.message)) },
  });
}

/** A model that lies on a source and that no program has asked for yet. */
function sourceRow({ path, name, category, size }) {
  const attributes = { type: 'button', 'data-key': `copy ${path}`, 'aria-label': `Copy ${name}` };
  const copy = () => change('/api/cache/warm', { paths: [path] });
  return element(
    'tr',
    {},
    element('td', { text: name, attributes: { title: path } }),
    element('td', { text: category ?? '' }),
    element('td', { class: 'number', text: formatBytes(size) }),
    element('td', { class: 'muted', text: untilAsked.QUEUED.word }),
    element('td', { class: 'number', text: '0' }),
    element('td', {}),
    element('td', { class: 'actions' }, element('button', { text: 'Copy', attributes, on: { click: copy } })),
  );
}

function rootRow({ path, kind, health, why, files }) {
  const state = element('span', {
    class: health === 'ok' || health === 'unknown' ? 'good' : 'bad',
    text: `${rootTerms[health].word}${why ? `: ${why}` : ''}`,
  });
  const known = files === null ? '' : `, ${counted(files, 'file')}`;
  return element(
    'li',
    {},
    element('div', { text: path }),
    element('span', { class: 'muted', text: `${kind}${known}, ` }),
    state,
  );
}

function quiet(text) {
  return element('li', { class: 'muted', text });
}
