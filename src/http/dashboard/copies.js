import { element, setText } from '../../../comfyui/web/elements.js';
import { jobTerms } from '../../../comfyui/web/vocabulary.js';
import { copyText, formatBytes, percentOf } from '../../../comfyui/web/words.js';
import { leftText, wantedTexts, workOf } from '../../../comfyui/web/work.js';
import { ask, send } from './api.js';
import { attempt } from './dialogs.js';
import { belowRoot, splitPath } from './figures.js';
import { showKeyed } from './keyed.js';
import { rateLine } from './rate-line.js';
import { section } from './section.js';

export const title = 'Copies';

const moving = ['running', 'limited'];
/** Copies in their order: running ones, waiting ones with the reason, and ended ones. */
export function show(main, app) {
  const summary = element('p', { class: 'muted', attributes: { role: 'status' } });
  const rate = rateLine();
  const pause = element('button', { attributes: { type: 'button' }, on: { click: () => void turn() } });
  const list = element('ol', { class: 'card rows numbered', attributes: { id: 'copies' } });
  const none = element('p', { class: 'card muted', text: 'Nothing is being copied.' });
  const ended = element('ul', { class: 'card rows' });
  const past = section('Ended', ended);
  main.append(
    element(
      'div',
      { class: 'page' },
      element('div', { class: 'head' }, element('h1', { text: 'Copies' }), pause),
      summary,
      rate.element,
      list,
      none,
      past,
    ),
  );

  const act = (run) => attempt(run).then(app.refresh);
  const turn = () => act(async () => void (await ask(`/api/jobs/${app.paused ? 'resume' : 'pause'}`, {})));
  const tools = {
    raise: (job) =>
      act(async () => {
        await ask(`/api/jobs/${job.id}/raise`, {});
        return { text: `${splitPath(job.path).base} is copied next.` };
      }),
    cancel: (job) =>
      act(async () => {
        await send(`/api/jobs/${job.id}`, { method: 'DELETE' });
        const run = () => act(async () => void (await ask('/api/cache/warm', { paths: [job.path] })));
        return { text: `The copy of ${splitPath(job.path).base} is cancelled.`, undo: { label: 'Copy again', run } };
      }),
  };

  return {
    async refresh({ stats, jobs, paused }) {
      const work = workOf(jobs, paused);
      const open = [...work.running, ...work.waiting];
      const over = jobs.filter((job) => !open.includes(job));
      setText(pause, paused ? 'Resume' : 'Pause');
      pause.hidden = open.length === 0 && !paused;
      setText(summary, summaryOf(work));
      list.hidden = open.length === 0;
      none.hidden = open.length > 0;
      past.hidden = over.length === 0;
      showKeyed(list, open, {
        keyOf: ({ id }) => id,
        make: (job) => openRow(job, { ...tools, roots: stats.roots.map(({ path }) => path) }),
        update: showOpen,
      });
      showKeyed(ended, over, { keyOf: ({ id }) => id, make: endedRow });
      rate.show(await ask('/api/jobs/throughput'));
    },
  };
}

function summaryOf(work) {
  const { running, waiting, bytesPerSecond, word } = work;
  if (running.length + waiting.length === 0) return word === 'paused' ? 'Copying is paused.' : '';
  const parts = [leftText(work)];
  if (bytesPerSecond > 0) parts.push(`${formatBytes(bytesPerSecond)}/s`);
  if (word !== 'copying') parts.push(word);
  return parts.join(' · ');
}

function openRow(job, { raise, cancel, roots }) {
  const { before, base } = splitPath(belowRoot(job.path, roots));
  const button = (text, run) =>
    element('button', { text, attributes: { type: 'button', 'aria-label': `${text} ${base}` }, on: { click: () => run(job) } });
  return element(
    'li',
    {},
    element(
      'div',
      { class: 'grow' },
      element(
        'div',
        { class: 'path', attributes: { title: job.path } },
        element('span', { text: base }),
        ' ',
        element('span', { class: 'muted small', text: before }),
      ),
      element(
        'span',
        { class: 'bar', attributes: { role: 'progressbar', 'aria-label': base, 'aria-valuemin': '0', 'aria-valuemax': '100' } },
        element('span'),
      ),
      element('div', { class: 'small muted' }),
    ),
    element('div', { class: 'tools' }, button('Copy next', raise), button('Cancel', cancel)),
  );
}

function showOpen(row, job) {
  const [{ children }, tools] = row.children;
  const [, bar, text] = children;
  const percent = percentOf(job);
  bar.setAttribute('aria-valuenow', String(percent));
  bar.classList.toggle('still', !moving.includes(job.status));
  bar.firstChild.style.inlineSize = `${percent}%`;
  setText(text, [copyText(job), `to ${job.tier.toUpperCase()}`, wantedTexts[job.priority]].join(' · '));
  tools.firstChild.hidden = job.state !== 'queued';
}

function endedRow(job) {
  const { base } = splitPath(job.path);
  const tone = { done: 'good', failed: 'bad' }[job.state] ?? 'muted';
  const { word, says } = jobTerms[job.state];
  const why = job.error?.message ?? says;
  return element(
    'li',
    {},
    element('div', { class: 'grow path', attributes: { title: job.path } }, element('span', { text: base })),
    element('span', { class: 'muted small number', text: formatBytes(job.bytesTotal) }),
    element('span', { class: `small ${tone}`, text: word }),
    ...(job.state === 'failed' ? [element('p', { class: 'small muted path whole', text: why })] : []),
  );
}
