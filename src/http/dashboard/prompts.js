import { element, plain, setText } from '../../../comfyui/web/elements.js';
import { counted, formatBytes } from '../../../comfyui/web/words.js';
import { ask, send } from './api.js';
import { attempt, confirmed } from './dialogs.js';
import { showKeyed } from './keyed.js';
import { typed } from './own-command.js';
import { filesRow, graphRow, keptRow, presetRow, runRow, showRun } from './prompt-rows.js';
import { section } from './section.js';
import { rowsBy, tableOf } from './tables.js';

export const title = 'Prompts';

const presetHeads = ['Preset', '#Files here', ''];
const graphHeads = ['Preset', '~Settings', '#Hits', '~#Age'];
const keptHeads = ['Prompt', '#Size', '~#Cost', '#Hits', '~#Age', ''];
const mostKept = 50;

/** Whole prompts of ComfyUI, and presets: running and kept ones, runnable ones and their missing files. */
export function show(main, app) {
  let open = null;
  const running = element('ol', { class: 'card rows', attributes: { id: 'running-prompts' } });
  const none = element('p', { class: 'card muted', text: 'No program has a prompt run.' });
  const presets = element('tbody', { attributes: { id: 'presets' } });
  const kept = element('tbody', { attributes: { id: 'kept-prompts' } });
  const keptCount = element('p', { class: 'muted', attributes: { role: 'status' } });
  const keptTable = tableOf(keptHeads, kept, 'Kept prompts');
  const graphs = element('tbody', { attributes: { id: 'graphs' } });
  const graphTable = tableOf(graphHeads, graphs, 'Graphs');
  const graphCount = element('span', { class: 'muted', attributes: { role: 'status' } });
  const clear = element('button', {
    text: 'Clear graphs',
    attributes: { type: 'button' },
    on: { click: () => act(() => send('/api/presets/graphs', { method: 'DELETE' })) },
  });
  main.append(
    element(
      'div',
      { class: 'page' },
      element('h1', { text: 'Prompts' }),
      section('Running', running, none),
      section('Kept', keptCount, keptTable),
      section('Presets', tableOf(presetHeads, presets, 'Presets')),
      section('Compiled graphs', element('div', { class: 'head' }, graphCount, clear), graphTable),
    ),
  );

  const act = (run) => attempt(async () => void (await run())).then(app.refresh);
  const remove = ({ ns, key, label, bytes }) =>
    act(async () => {
      const text = `Removes ${plain(label ?? key.slice(0, 12))}, ${formatBytes(bytes)}. ComfyUI computes it again.`;
      if (await confirmed('Remove a kept prompt', text, { yes: 'Remove' }))
        await ask('/api/memo/invalidate', { ns, keys: [key] });
    });
  const toggle = (key) => {
    open = open === key ? null : key;
    app.refresh();
  };

  return {
    async refresh() {
      const [runs, { presets: listed }, { presets: files }, compiled, { total, entries }] = await Promise.all([
        ask('/api/prompts'),
        ask('/api/presets'),
        ask('/api/presets/files'),
        ask('/api/presets/graphs'),
        ask(`/api/cache/entries?plane=memo&ns=prompts&sort=used&limit=${mostKept}`),
      ]);
      running.hidden = runs.running.length === 0;
      none.hidden = !running.hidden;
      showKeyed(running, runs.running, { keyOf: ({ key, promptId }) => promptId ?? key, make: runRow, update: showRun });
      setText(keptCount, keptText(total, entries.length));
      keptTable.hidden = entries.length === 0;
      showKeyed(
        kept,
        entries,
        rowsBy(
          ({ key }) => key,
          (entry) => keptRow(entry, remove),
        ),
      );
      showKeyed(
        presets,
        presetItems(listed, files, open),
        rowsBy(keyOfPreset, (item) => presetItem(item, toggle)),
      );
      setText(graphCount, graphText(compiled));
      clear.disabled = compiled.items === 0;
      graphTable.hidden = compiled.graphs.length === 0;
      showKeyed(
        graphs,
        compiled.graphs,
        rowsBy(({ key }) => key, graphRow),
      );
    },
  };
}

/** A row for each preset and family, and below the open one its missing files. */
function presetItems(listed, files, open) {
  return listed.flatMap((preset) => {
    const own = files.filter(({ name }) => name === preset.name);
    const rows = own.length > 0 ? own : [{ name: preset.name, family: null, files: 0, absent: [] }];
    return rows.flatMap((one) => {
      const key = `${one.name} ${one.family}`;
      const item = { key, preset, files: one, isOpen: key === open };
      return item.isOpen ? [item, { key: `${key} files`, absent: one.absent }] : [item];
    });
  });
}

function keyOfPreset({ key }) {
  return key;
}

function presetItem({ key, preset, files, isOpen, absent }, toggle) {
  return absent ? filesRow(absent) : presetRow(preset, files, { isOpen, toggle: () => toggle(key) });
}

function keptText(total, shown) {
  if (total === 0) return `None yet: what "${typed('run')}" and POST /api/prompts/run give is kept.`;
  return total > shown ? `The last ${shown} of ${counted(total, 'prompt')}` : counted(total, 'prompt');
}

function graphText({ items, max, hits, misses, hitRate }) {
  const rate = hitRate === null ? '' : `; ${Math.round(100 * hitRate)}% of ${counted(hits + misses, 'question')} hit`;
  return `${items} of ${counted(max, 'graph')}${rate}`;
}
