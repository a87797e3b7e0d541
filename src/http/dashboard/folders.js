import { element, setText } from '../../../comfyui/web/elements.js';
import { rootTerms } from '../../../comfyui/web/vocabulary.js';
import { costText, counted, formatBytes } from '../../../comfyui/web/words.js';
import { ask, send } from './api.js';
import { attempt, confirmed } from './dialogs.js';
import { showKeyed } from './keyed.js';
import { addressOf } from './router.js';
import { ended, folderAdvice } from './troubles.js';

export const title = 'Folders';

const kinds = { hdd: 'hard disk', nas: 'network', s3: 'object store', ssd: 'fast disk: its files are not copied' };
const origins = { config: 'named in the settings', comfyui: 'a folder of ComfyUI', api: 'added by a program' };
const tones = { ok: 'good', away: 'bad', missing: 'warn', unknown: 'muted' };

/** The folders of sources, with their state and actions. */
export function show(main, app) {
  const list = element('ul', { class: 'card rows', attributes: { id: 'folders' } });
  const quiet = element('ul', { class: 'rows' });
  const count = element('summary');
  const empty = element('details', { class: 'card' }, count, quiet);
  const none = element('p', {
    class: 'card muted',
    text: 'No model folder is known yet. Start ComfyUI with autocached installed, or add a folder.',
  });
  const path = element('input', {
    attributes: { id: 'folder', placeholder: '/mnt/nas/models', 'aria-label': 'Path of a folder to add', autocomplete: 'off' },
  });
  const form = element(
    'form',
    { class: 'tools' },
    path,
    element('button', { text: 'Add folder', attributes: { type: 'submit' } }),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(async () => {
      const added = path.value.trim();
      if (added === '') return undefined;
      await ask('/api/roots', { roots: [{ path: added }] });
      path.value = '';
      return {
        text: `${added} is a model folder.`,
        undo: { run: () => attempt(() => forgetRoot(added, false)).then(app.refresh) },
      };
    }).then(app.refresh);
  });
  main.append(
    element(
      'div',
      { class: 'page' },
      element('div', { class: 'head' }, element('h1', { text: 'Folders' }), form),
      list,
      none,
      empty,
    ),
  );

  const forget = (root) => attempt(() => askToForget(root)).then(app.refresh);
  const shares = new Shares();
  return {
    async refresh({ stats: { roots, tiers } }) {
      // ComfyUI names every folder that it would look into.
      const isQuiet = ({ files, origin, health }) => !files && origin === 'comfyui' && health !== 'away';
      const shown = roots.filter((root) => !isQuiet(root));
      const others = roots.filter(isQuiet);
      const remotes = roots.some(({ kind }) => kind === 's3') ? await remotesByPath() : new Map();
      const draw = () => {
        const update = (row, root) => showFolder(row, root, { share: shares.of(root.path), remote: remotes.get(root.path) });
        const rows = { keyOf: (root) => root.path, make: (root) => folderRow(root, forget), update };
        showKeyed(list, shown, rows);
        showKeyed(quiet, others, rows);
      };
      draw();
      list.hidden = shown.length === 0;
      none.hidden = roots.length > 0;
      empty.hidden = others.length === 0;
      setText(count, `${counted(others.length, 'folder')} of ComfyUI without models`);
      if (await shares.renew({ roots, tiers })) draw();
    },
  };
}

/** The cached share of each folder. It takes a look at the whole library, so it is requested only after a change. */
class Shares {
  #byPath = new Map();
  #state = '';

  of(path) {
    return this.#byPath.get(path);
  }

  /** @returns whether something has changed */
  async renew({ roots, tiers }) {
    const state = JSON.stringify([
      roots.map(({ path, files }) => [path, files]),
      tiers.map(({ files, bytes }) => [files, bytes]),
    ]);
    if (state === this.#state) return false;
    this.#state = state;
    const { folders } = await ask('/api/library?limit=1');
    this.#byPath = new Map(folders.map((folder) => [folder.name, folder]));
    return true;
  }
}

function folderRow(root, forget) {
  const isNamed = root.origin === 'config';
  const button = element('button', {
    text: 'Forget',
    attributes: { type: 'button', 'aria-label': `Forget ${root.path}` },
    on: { click: () => void forget(root) },
  });
  return element(
    'li',
    {},
    element(
      'div',
      { class: 'grow' },
      element('a', { class: 'path', text: root.path, attributes: { href: addressOf('library', [['root', root.path]]) } }),
      element('div', { class: 'small muted' }),
      element('div', { class: 'small path' }),
    ),
    element('span', { class: 'health' }),
    ...(isNamed ? [] : [button]),
  );
}

/** The remotes among the folders: addresses and costs of their models. */
async function remotesByPath() {
  const { remotes } = await ask('/api/remotes');
  return new Map(remotes.map((remote) => [remote.path, remote]));
}

function readText({ months: [{ bytes, cost }], monthlyLimit }) {
  const of = monthlyLimit === null ? '' : ` of ${formatBytes(monthlyLimit)}`;
  return `${formatBytes(bytes)}${of} read this month${cost ? `, ${cost.amount.toFixed(2)} ${cost.currency}` : ''}`;
}

function showFolder(row, { kind, kindFrom, origin, health, why, files, categories }, { share, remote }) {
  const [{ children }, state] = row.children;
  const [, about, todo] = children;
  const facts = [
    files === null ? '' : counted(files, 'model'),
    share ? `${formatBytes(share.bytes)}, ${share.cached === 0 ? 'none' : share.cached.toLocaleString('en-US')} cached` : '',
    remote ? remote.url : `${kinds[kind]}${kindFrom === 'assumed' ? ' (assumed)' : ''}`,
    remote ? readText(remote) : '',
    categories.length > 0 ? categories.join(', ') : '',
    origins[origin],
  ];
  setText(about, facts.filter(Boolean).join(' · '));
  // It was well, and does not answer now.
  const silence = health === 'ok' ? why : null;
  state.className = `health ${silence ? tones.missing : tones[health]}`;
  setText(state, silence ?? rootTerms[health].word);
  const isWell = health !== 'away' && health !== 'missing';
  todo.hidden = isWell;
  setText(todo, isWell ? '' : `${ended(why ?? rootTerms[health].says)} ${folderAdvice(health, why)}`);
}

/** Deletes only after showing how much. */
async function askToForget({ path }) {
  const { files, of, bytes } = await ask('/api/cache/clear', { root: path, dryRun: true });
  const cost = files > 0 ? ` Its copies leave too: this ${costText(files, of, bytes)}.` : '';
  const text = `${path} is no longer a model folder.${cost} Sources are kept.`;
  if (!(await confirmed('Forget folder', text, { yes: 'Forget' }))) return undefined;
  return forgetRoot(path, files > 0);
}

async function forgetRoot(path, copies) {
  const { removed } = await send('/api/roots', { method: 'DELETE', body: { paths: [path], copies } });
  const freed = removed ? `, ${formatBytes(removed.bytes)} free` : '';
  return { text: `${path} is forgotten${freed}.` };
}
