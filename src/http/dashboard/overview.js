import { element, setText } from '../../../comfyui/web/elements.js';
import { copyText, counted, formatBytes, formatSeconds } from '../../../comfyui/web/words.js';
import { headed, leftText, workOf } from '../../../comfyui/web/work.js';
import { ask } from './api.js';
import { dayChart, sizeSteps, timeSteps } from './charts.js';
import { copiesText, lastDays, percentText, splitPath } from './figures.js';
import { showKeyed } from './keyed.js';
import { missCurve } from './misses.js';
import { addressOf } from './router.js';
import { section } from './section.js';
import { troublesOf } from './troubles.js';
import { useMap } from './use-map.js';

export const title = 'Overview';

const days = 30;

/** The savings of the cache, its present work, and its troubles. */
export function show(main) {
  const saved = answer('Saved', 'saved');
  const now = answer('Doing', 'now');
  const well = answer('Wrong', 'well');
  const answers = element('div', { class: 'answers' }, saved.card, now.card, well.card);
  const troubles = element('ul', { class: 'troubles' });
  const tiers = element('ul', { class: 'card tiers' });
  const charts = chartsOf();
  const map = useMap();
  const curve = missCurve();
  const past = section(`The last ${days} days`, element('div', { class: 'charts' }, ...charts.map(({ figure }) => figure)));
  main.append(
    element(
      'div',
      { class: 'page' },
      element('h1', { text: 'Overview' }),
      answers,
      troubles,
      section('The cache', tiers, map.element),
      past,
      section('A larger cache', curve.element),
    ),
  );
  let mapped = '';
  /** It takes a look at the whole library. */
  const showMap = async ({ tiers: all }) => {
    const state = JSON.stringify(all.map(({ tier: name, files, bytes }) => [name, files, bytes]));
    if (state === mapped) return;
    mapped = state;
    map.show((await ask('/api/library?limit=1')).categories);
  };

  return {
    async refresh({ stats, jobs, paused }) {
      showSaved(saved, stats);
      showNow(now, stats, jobs, paused);
      const wrong = troublesOf(stats, { paused, jobs });
      showWell(well, wrong);
      showTroubles(troubles, wrong);
      showTiers(tiers, levelsOf(stats));
      past.hidden = stats.daily.every(({ hits, misses, bytesCopied }) => hits + misses + bytesCopied === 0);
      for (const chart of charts) chart.show(lastDays(stats.daily, days));
      await showMap(stats);
      await curve.refresh(stats);
    },
    restyle() {
      for (const chart of [...charts, curve]) chart.restyle();
    },
    close() {
      for (const chart of [...charts, curve]) chart.close();
    },
  };
}

/** One of the three questions with its answer. */
function answer(label, name) {
  const figure = element('p', { class: 'figure', attributes: { id: name } });
  const more = element('p', { class: 'muted' });
  const bar = element('span', { class: 'bar', attributes: { hidden: '' } }, element('span'));
  return {
    card: element('section', { class: 'card', attributes: { 'aria-label': label } }, figure, more, bar),
    figure,
    more,
    bar,
  };
}

function showSaved({ figure, more }, { secondsSaved, hitRate, hits, misses, hitBytes, memo }) {
  const loads = hits + misses;
  const all = secondsSaved + memo.secondsSaved;
  setText(figure, loads === 0 && all === 0 ? 'No loads yet' : `${formatSeconds(all)} saved`);
  const first = 'Load a model in ComfyUI: the first time a copy is made, the next time it is used.';
  const loaded = `${percentText(hitRate)} of ${counted(loads, 'load')} came from the cache, ${formatBytes(hitBytes)} in all.`;
  const kept = memo.secondsSaved >= 1 ? ` Results saved ${formatSeconds(memo.secondsSaved)} of it.` : '';
  setText(more, (loads === 0 ? first : loaded) + kept);
}

function showNow({ figure, more, bar }, { mode }, jobs, paused) {
  const work = workOf(jobs, paused);
  const isBusy = work.running.length + work.waiting.length > 0;
  bar.hidden = !isBusy;
  setText(figure, work.word === 'idle' && mode === 'off' ? 'Off' : headed(work.word));
  if (isBusy) {
    const rate = work.bytesPerSecond > 0 ? `${formatBytes(work.bytesPerSecond)}/s, ` : '';
    const [first] = [...work.running, ...work.waiting];
    setText(more, `${rate}${leftText(work)}. ${splitPath(first.path).base}: ${copyText(first)}`);
    bar.firstChild.style.inlineSize = `${work.percent}%`;
    bar.classList.toggle('still', work.word !== 'copying');
    return;
  }
  const last = jobs.find(({ state }) => state === 'done');
  setText(more, last ? `Last copied: ${splitPath(last.path).base}.` : 'Nothing is being copied.');
}

function showWell({ figure, more }, troubles) {
  const grave = troubles.some((trouble) => trouble.grave);
  figure.className = `figure ${troubles.length === 0 ? 'good' : grave ? 'bad' : 'warn'}`;
  const count = troubles.length;
  const [first] = troubles;
  setText(figure, count === 0 ? 'All is well' : `${counted(count, 'thing')} to look at`);
  setText(
    more,
    count === 0 ? 'Every folder answers, and every copy is in order.' : (first.short ?? 'Listed below, each with its remedy.'),
  );
}

function showTroubles(list, troubles) {
  list.hidden = troubles.length === 0;
  showKeyed(list, troubles, {
    keyOf: ({ text }) => text,
    make({ text, todo, page, grave }) {
      const item = element('li', { class: `notice${grave ? ' grave' : ''}` });
      item.append(element('p', { class: 'path', text }), element('p', { class: 'muted', text: todo }));
      if (page) item.append(element('a', { text: `Open ${page}`, attributes: { href: addressOf(page) } }));
      return item;
    },
  });
}

/** The shared store is the level below the tiers of this machine. */
function levelsOf({ tiers, variants, shared }) {
  if (!shared) return { tiers, variants };
  const utilisation = shared.limit > 0 ? Math.min(1, (shared.bytes + shared.reserved) / shared.limit) : 0;
  return { tiers: [...tiers, { ...shared, tier: 'shared', utilisation, ratio: null }], variants };
}

function showTiers(list, { tiers, variants }) {
  showKeyed(list, tiers, {
    keyOf: ({ tier }) => tier,
    make: ({ tier }) =>
      element(
        'li',
        {},
        element('span', { class: 'name', text: tier.toUpperCase() }),
        element('span', { class: 'bar', attributes: { role: 'img' } }, element('span')),
        element('span', { class: 'of' }),
      ),
    update(item, { tier, files, bytes, limit, utilisation, ratio, standing }) {
      const [, bar, of] = item.children;
      const made = tier === 'ssd' && variants ? variants : { files: 0, bytes: 0 };
      const beside = made.files > 0 ? ` and ${counted(made.files, 'variant')}` : '';
      const text = `${formatBytes(bytes + made.bytes)} of ${formatBytes(limit)}, ${copiesText(files)}${beside}`;
      bar.setAttribute('aria-label', `${tier.toUpperCase()} is ${percentText(utilisation)} full`);
      bar.firstChild.style.inlineSize = `${100 * utilisation}%`;
      const compressed = tier === 'cold' && ratio !== null ? `${text}, compressed ${ratio.toFixed(2)} times` : text;
      setText(of, standing ? `${compressed}, ${standing.files} as differences from others` : compressed);
    },
  });
}

function chartsOf() {
  const rate = ({ hits, misses }) => (hits + misses === 0 ? null : hits / (hits + misses));
  return [
    dayChart('Time saved', {
      series: [{ name: 'Saved', color: 'accent', kind: 'bars', read: ({ secondsSaved }) => secondsSaved }],
      format: formatSeconds,
      steps: timeSteps,
    }),
    dayChart('Hit rate', {
      series: [{ name: 'From the cache', color: 'accent', kind: 'line', read: rate }],
      format: percentText,
      most: 1,
    }),
    dayChart('Read and written', {
      series: [
        { name: 'From the cache', color: 'accent', kind: 'bars', place: -1, read: ({ hitBytes }) => hitBytes },
        { name: 'From sources', color: 'edge', kind: 'bars', place: 1, read: ({ missBytes }) => missBytes },
        { name: 'Written', color: 'warn', kind: 'line', read: ({ bytesCopied }) => bytesCopied || null },
      ],
      format: formatBytes,
      steps: sizeSteps,
    }),
  ];
}
