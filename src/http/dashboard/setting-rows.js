import { element } from '../../../comfyui/web/elements.js';

export const prefix = 'AUTOCACHE_';

/** The first that fits: a setting of a newer daemon is shown under the last. */
const groups = [
  ['Space', /^(dir|limit|min_free|quota|max_age|high_water|low_water|policy|compress|daily_writes|ram_)/],
  ['Model folders and ComfyUI', /^(roots|remote|comfyui)/],
  ['Files to copy', /^(min_size|max_size|include|exclude|categories)/],
  ['Copying', /^(on_miss|wait_max|rate|polite|jobs|verify|scrub)/],
  ['Results', /^(memo|preset|embeddings|llm)/],
  ['The daemon', /./],
];
const spelled = { comfyui: 'ComfyUI', ram: 'RAM', ttl: 'TTL', url: 'URL', llm: 'LLM' };

const shortName = (key) => key.slice(prefix.length).toLowerCase();

/** Settings below the headings of their subjects. @param make the row of one */
export function grouped(settings, make) {
  const groupOf = ({ key }) => groups.find(([, names]) => names.test(shortName(key)));
  return groups.flatMap((group) => {
    const members = settings.filter((setting) => groupOf(setting) === group);
    if (members.length === 0) return [];
    const rows = element('div', { class: 'settings' }, ...members.map(make));
    return [element('div', { class: 'card' }, element('h3', { text: group[0] }), rows)];
  });
}

/** @param change gets the short name, the new value and the one before; settles with whether it was done */
export function liveRow({ key, value, from, meaning, choices, configured }, change) {
  const name = shortName(key);
  const input = inputOf({ name, value, choices });
  const save = element('button', { class: 'main-action', text: 'Change', attributes: { type: 'submit', hidden: '' } });
  const form = element(
    'form',
    { attributes: { id: `${name}-form` } },
    element('label', { attributes: { for: name } }, ...titleOf(key)),
    element('p', { class: 'small muted', text: meaning, attributes: { id: `${name}-meaning` } }),
    element('div', { class: 'tools' }, input, save, ...originOf(from, configured, () => change(name, configured.value, value))),
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

export function fixedRow({ key, value, from, meaning, pending }) {
  return element(
    'div',
    {},
    element('span', { class: 'key' }, ...titleOf(key)),
    element('p', { class: 'small muted', text: meaning }),
    element('p', { class: 'path' }, element('span', { text: value || 'empty' }), ' ', ...originOf(from)),
    ...(pending === undefined ? [] : [element('p', { class: 'small warn', text: `${pending || 'empty'} after a restart` })]),
  );
}

/** `Min size` and the name that the settings file has for it. */
function titleOf(key) {
  const words = shortName(key)
    .split('_')
    .map((word) => spelled[word] ?? word)
    .join(' ');
  return [
    element('span', { text: words.charAt(0).toUpperCase() + words.slice(1) }),
    ' ',
    element('code', { class: 'muted', text: key }),
  ];
}

function inputOf({ name, value, choices }) {
  const attributes = { id: name, 'aria-describedby': `${name}-meaning` };
  if (!choices) return element('input', { attributes: { ...attributes, value, autocomplete: 'off', spellcheck: 'false' } });
  // A value may be written in several ways: `1` for `on`.
  const all = choices.includes(value) ? choices : [value, ...choices];
  const select = element(
    'select',
    { attributes },
    ...all.map((text) => element('option', { text, attributes: { value: text } })),
  );
  select.value = value;
  return select;
}

/** Origin of the value, and a button that undoes a change. */
function originOf(from, configured, reset) {
  const text =
    { default: 'default', live: 'changed here', environment: 'from the environment', flag: 'from a flag' }[from] ??
    `from ${from}`;
  const origin = element('span', { class: 'small muted path', text });
  if (!configured || !reset) return [origin];
  const back = element('button', {
    class: 'plain small',
    text: `Back to ${configured.value || 'empty'}`,
    attributes: { type: 'button' },
    on: { click: () => void reset() },
  });
  return [origin, back];
}
