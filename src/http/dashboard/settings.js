import { element } from '../../../comfyui/web/elements.js';
import { modeTerms } from '../../../comfyui/web/vocabulary.js';
import { costText, counted, formatBytes } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { browsers } from './browsers.js';
import { attempt, confirmed, tell } from './dialogs.js';
import { section } from './section.js';

export const title = 'Settings';

const prefix = 'AUTOCACHE_';
const shortName = (key) => key.slice(prefix.length).toLowerCase();

/** Settings with their meaning: those that change at once, and those that count after a restart. */
export function show(main, app) {
  const notices = element('ul', { class: 'notices' });
  const modes = element(
    'fieldset',
    { class: 'modes', attributes: { id: 'modes' } },
    element('legend', { class: 'unseen', text: 'Mode' }),
  );
  for (const [value, { word, says }] of Object.entries(modeTerms)) {
    const input = element('input', {
      attributes: { type: 'radio', name: 'mode', value },
      on: { change: () => void change('mode', value) },
    });
    modes.append(
      element(
        'label',
        { class: 'card' },
        input,
        element('span', {}, element('strong', { text: word }), element('span', { class: 'small muted', text: says })),
      ),
    );
  }
  const live = element('div', { class: 'card settings', attributes: { id: 'settings' } });
  const fixed = element('div', { class: 'settings' });
  const signedIn = browsers();
  main.append(
    element(
      'div',
      { class: 'page' },
      element('h1', { text: 'Settings' }),
      notices,
      section('Mode', modes),
      section('Change at once', live),
      element('details', { class: 'card' }, element('summary', { text: 'Settings that count after a restart' }), fixed),
      section('Signed-in browsers', signedIn.element),
    ),
  );
  void load();

  async function load() {
    try {
      const { settings, notices: told } = await ask('/api/cache/config');
      const { id: focused } = document.activeElement;
      const rows = settings.filter(({ key }) => key !== 'AUTOCACHE_MODE');
      live.replaceChildren(...rows.filter((setting) => setting.live).map((setting) => liveRow(setting, change)));
      fixed.replaceChildren(...rows.filter((setting) => !setting.live).map(fixedRow));
      if (focused !== '') document.getElementById(focused)?.focus();
      notices.replaceChildren(...told.map((text) => element('li', { class: 'notice path', text })));
      await signedIn.refresh();
    } catch (error) {
      tell(error.message);
    }
  }

  /** @returns whether it was done */
  async function change(name, value, before) {
    let done = false;
    await attempt(async () => {
      const leaving = await costOf(name, value);
      if (
        leaving &&
        !(await confirmed('Change the limit', `A limit of ${value} ${leaving}. Sources are kept.`, { yes: 'Change' }))
      )
        return undefined;
      await ask('/api/cache/config', { [name]: value });
      done = true;
      const undo = before === undefined || leaving ? undefined : { run: () => change(name, before) };
      return { text: `${prefix}${name.toUpperCase()} is ${value || 'empty'}.`, undo };
    });
    app.refresh();
    await load();
    return done;
  }

  return {
    refresh({ stats }) {
      for (const input of modes.querySelectorAll('input')) input.checked = input.value === stats.mode;
    },
    event(name) {
      // Somebody who types into a setting goes on typing.
      if (name === 'config-changed' && !live.contains(document.activeElement)) void load();
    },
  };
}

/** What a narrower limit would remove; null when nothing. */
async function costOf(name, value) {
  const { leaving, leavingResults } = await ask(`/api/cache/config?${new URLSearchParams({ [name]: value })}`);
  if (leaving && leaving.copies > 0) return costText(leaving.copies, leaving.of, leaving.bytes);
  if (!leavingResults || leavingResults.results === 0) return null;
  const { results, of, bytes } = leavingResults;
  return `frees ${formatBytes(bytes)}, removes ${results.toLocaleString('en-US')} of ${counted(of, 'result')}`;
}

function liveRow({ key, value, from, meaning }, change) {
  const name = shortName(key);
  const input = element('input', {
    attributes: { id: name, value, autocomplete: 'off', spellcheck: 'false', 'aria-describedby': `${name}-meaning` },
  });
  const save = element('button', { class: 'main-action', text: 'Change', attributes: { type: 'submit', hidden: '' } });
  const origin = element('span', { class: 'small muted', text: originOf(from) });
  const form = element(
    'form',
    { attributes: { id: `${name}-form` } },
    element('label', { text: key, attributes: { for: name } }),
    element('p', { class: 'small muted', text: meaning, attributes: { id: `${name}-meaning` } }),
    element('div', { class: 'tools' }, input, save, origin),
  );
  input.addEventListener('input', () => {
    save.hidden = input.value === value;
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (input.value.trim() !== value) void change(name, input.value.trim(), value);
  });
  return form;
}

function fixedRow({ key, value, from, meaning, pending }) {
  return element(
    'div',
    {},
    element('span', { class: 'key', text: key }),
    element('p', { class: 'small muted', text: meaning }),
    element(
      'p',
      { class: 'path' },
      element('span', { text: value || 'empty' }),
      ' ',
      element('span', { class: 'small muted', text: originOf(from) }),
    ),
    ...(pending === undefined ? [] : [element('p', { class: 'small warn', text: `${pending || 'empty'} after a restart` })]),
  );
}

function originOf(from) {
  return (
    { default: 'default', live: 'changed while running', environment: 'from the environment', flag: 'from a flag' }[from] ??
    `from ${from}`
  );
}
