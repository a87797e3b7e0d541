import { element } from '../../../comfyui/web/elements.js';
import { modeTerms } from '../../../comfyui/web/vocabulary.js';
import { costText, resultCostText } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { browsers } from './browsers.js';
import { attempt, confirmed } from './dialogs.js';
import { section } from './section.js';
import { fixedRow, grouped, liveRow, prefix } from './setting-rows.js';

export const title = 'Settings';

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
  const live = element('div', { class: 'groups', attributes: { id: 'settings' } });
  const fixed = element('div', { class: 'groups' });
  const signedIn = browsers();
  main.append(
    element(
      'div',
      { class: 'page' },
      element('h1', { text: 'Settings' }),
      notices,
      section('Mode', modes),
      section('Change at once', live),
      element('details', { class: 'section' }, element('summary', { text: 'Settings that count after a restart' }), fixed),
      section('Signed-in browsers', signedIn.element),
    ),
  );
  void load();

  async function load() {
    try {
      const { settings, choices, notices: told } = await ask('/api/cache/config');
      const { id: focused } = document.activeElement;
      const rows = settings.filter(({ key }) => key !== 'AUTOCACHE_MODE');
      const [changeable, others] = [rows.filter((setting) => setting.live), rows.filter((setting) => !setting.live)];
      live.replaceChildren(...grouped(changeable, (setting) => liveRow({ ...setting, choices: choices[setting.key] }, change)));
      fixed.replaceChildren(...grouped(others, fixedRow));
      if (focused !== '') document.getElementById(focused)?.focus();
      notices.replaceChildren(...told.map((text) => element('li', { class: 'notice path', text })));
      await signedIn.refresh();
    } catch (error) {
      app.lose(error);
    }
  }

  /** @returns whether it was done */
  async function change(name, value, before) {
    let done = false;
    await attempt(async () => {
      const leaving = await costOf(name, value);
      if (
        leaving &&
        !(await confirmed('Change a setting', `${prefix}${name.toUpperCase()}=${value} ${leaving}. Sources are kept.`, {
          yes: 'Change',
        }))
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
      // A person who types into a setting is not interrupted.
      if (name === 'config-changed' && !live.contains(document.activeElement)) void load();
    },
  };
}

/** The cost of a narrower bound in copies or results; null = none. */
async function costOf(name, value) {
  const { leaving, leavingResults } = await ask(`/api/cache/config?${new URLSearchParams({ [name]: value })}`);
  if (leaving && leaving.copies > 0) return costText(leaving.copies, leaving.of, leaving.bytes);
  if (!leavingResults || leavingResults.results === 0) return null;
  const { results, of, bytes } = leavingResults;
  return resultCostText(results, of, bytes);
}
