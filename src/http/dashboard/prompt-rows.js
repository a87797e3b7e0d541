import { element, setText } from '../../../comfyui/web/elements.js';
import { counted, formatBytes, formatSeconds } from '../../../comfyui/web/words.js';
import { number } from './tables.js';

/** The rows of whole prompts and of presets. */

export function runRow({ label }) {
  const bar = element(
    'span',
    { class: 'bar', attributes: { role: 'progressbar', 'aria-label': label, 'aria-valuemin': '0', 'aria-valuemax': '100' } },
    element('span'),
  );
  return element('li', {}, element('div', { class: 'grow' }, element('div'), bar, element('div', { class: 'small muted' })));
}

export function showRun(row, run) {
  const [name, bar, text] = row.firstChild.children;
  setText(name, run.label);
  const step = run.steps > 0 ? run.step / run.steps : 0;
  const percent = run.nodes > 0 ? Math.min(100, Math.round((100 * (run.done + step)) / run.nodes)) : 0;
  bar.setAttribute('aria-valuenow', String(percent));
  bar.classList.toggle('still', run.state === 'queued');
  bar.firstChild.style.inlineSize = `${percent}%`;
  const parts = [
    stateText(run),
    formatSeconds(run.runsForMs / 1000),
    run.waiting === 1 ? '1 program waits' : `${run.waiting} programs wait`,
  ];
  setText(text, parts.join(' · '));
}

function stateText({ state, ahead, classType, step, steps, done, nodes }) {
  if (state === 'starting') return 'on its way to ComfyUI';
  if (state === 'fetching') return 'its files are being kept';
  if (state === 'queued')
    return ahead === null ? "in ComfyUI's queue" : `in ComfyUI's queue, ${counted(ahead, 'prompt')} before it`;
  const at = classType === null ? '' : `, ${classType}${steps > 0 ? ` ${step} of ${steps}` : ''}`;
  return `${done} of ${counted(nodes, 'node')}${at}`;
}

export function keptRow(entry, remove) {
  const { key, label, bytes, costMs, hits, ageMs, tags } = entry;
  const short = key.slice(0, 12);
  const name = element('td', { class: 'path', attributes: { title: key } }, element('div', { text: label ?? short }));
  name.append(element('div', { class: 'small muted', text: [short, ...tags].join(' · ') }));
  const button = element('button', {
    text: 'Remove',
    attributes: { type: 'button', 'data-action': 'remove', 'aria-label': `Remove ${label ?? ''} ${short}` },
    on: { click: () => void remove(entry) },
  });
  return element(
    'tr',
    {},
    name,
    number(formatBytes(bytes)),
    number(costMs === null ? '' : formatSeconds(costMs / 1000), 'roomy'),
    number(hits.toLocaleString('en-US')),
    number(formatSeconds(ageMs / 1000), 'roomy'),
    element('td', { class: 'actions' }, button),
  );
}

export function presetRow({ description, origin, problem }, { name, family, files, absent }, { isOpen, toggle }) {
  const about = problem ?? [family, origin === 'user' ? 'yours' : null, description].filter(Boolean).join(' · ');
  const cell = element('td', {}, element('div', { text: name }), element('div', { class: 'small muted', text: about }));
  const isWhole = absent.length === 0;
  const text = isOpen ? 'Hide' : 'Missing…';
  const button = element('button', {
    text,
    attributes: {
      ...{ type: 'button', 'data-action': 'missing', 'aria-expanded': String(isOpen) },
      'aria-label': `${isOpen ? 'Hide what is missing' : 'What is missing'}: ${name} ${family ?? ''}`.trim(),
    },
    on: { click: toggle },
  });
  const here = problem === null ? `${files - absent.length} of ${files}` : '';
  const count = number(here);
  count.classList.add(...(problem !== null || !isWhole ? ['bad'] : ['good']));
  return element('tr', {}, cell, count, element('td', { class: 'actions' }, ...(isWhole ? [] : [button])));
}

/** The missing files of a preset, with the addresses to fetch them from. */
export function filesRow(absent) {
  const cell = element('td', { attributes: { colspan: '3' } });
  for (const { category, name, url, state } of absent) {
    const line = element('div', { class: 'path small' }, element('span', { text: `${category}/${name} ` }));
    line.append(element('span', { class: 'muted', text: state === 'away' ? 'its folder does not answer' : 'missing' }));
    if (url !== null)
      line.append(element('div', {}, element('a', { text: url, attributes: { href: url, rel: 'noreferrer' } })));
    cell.append(line);
  }
  const where = 'Each goes into its category below a model folder, or into a folder in there.';
  cell.append(element('div', { class: 'small muted', text: where }));
  return element('tr', { class: 'explanation' }, cell);
}

export function graphRow({ preset, config, hits, createdAt }) {
  const settings = Object.entries(config ?? {}).filter(([, value]) => value !== null && value !== '');
  const text = settings.map(([name, value]) => `${name}=${Array.isArray(value) ? value.length : String(value)}`).join(' ');
  return element(
    'tr',
    {},
    element('td', { text: preset }),
    element('td', { class: 'roomy path small', text }),
    number(hits.toLocaleString('en-US')),
    number(formatSeconds(Math.max(0, Date.now() - createdAt) / 1000), 'roomy'),
  );
}
