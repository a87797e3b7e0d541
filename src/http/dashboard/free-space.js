import { element, setText } from '../../../comfyui/web/elements.js';
import { costText, formatBytes } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { attempt, showDialog } from './dialogs.js';
import { copiesText } from './figures.js';
import { undoRemoval } from './library-tools.js';

const dayMs = 86_400_000;
const GiB = 2 ** 30;

/**
 * Asks which copies should leave, shows the bytes that this frees, and removes them.
 * @param shares categories and folders of the library
 * @returns whether anything has changed
 */
export async function askWhatToFree({ categories, folders }) {
  const filter = await showDialog('Free space', (close) => formOf(categories, folders, close));
  if (!filter) return false;
  await attempt(async () => {
    const { bytes, removed } = await ask('/api/cache/clear', filter);
    return {
      text: `${copiesText(removed.length)} removed, ${formatBytes(bytes)} free.`,
      undo: undoRemoval(removed.filter(({ id }) => id !== 0)),
    };
  });
  return true;
}

function formOf(categories, folders, close) {
  const days = element('input', { attributes: { type: 'number', min: '0', value: '30', id: 'free-days' } });
  const size = element('input', { attributes: { type: 'number', min: '0', step: '0.5', value: '0', id: 'free-size' } });
  const category = select('free-category', categories);
  const folder = select('free-folder', folders);
  const preview = element('p', { attributes: { role: 'status' } });
  const remove = element('button', { class: 'main-action', text: 'Remove copies', attributes: { type: 'submit' } });
  const cancel = element('button', { text: 'Cancel', attributes: { type: 'button' }, on: { click: () => close() } });
  let round = 0;

  const filter = () => ({
    ...(Number(days.value) > 0 && { olderThanMs: Number(days.value) * dayMs }),
    ...(Number(size.value) > 0 && { largerThan: Math.floor(Number(size.value) * GiB) }),
    ...(category.value !== '' && { category: category.value }),
    ...(folder.value !== '' && { root: folder.value }),
  });
  const wanted = () => (Object.keys(filter()).length > 0 ? filter() : { all: true });
  const show = async () => {
    round += 1;
    const asked = round;
    remove.disabled = true;
    try {
      const { files, of, bytes, skipped } = await ask('/api/cache/clear', { ...wanted(), dryRun: true });
      if (asked !== round) return;
      const stay =
        skipped.length > 0
          ? ` ${copiesText(skipped.length)} ${skipped.length === 1 ? 'stays' : 'stay'}: in use or pinned.`
          : '';
      setText(preview, files === 0 ? `No copy fits.${stay}` : `This ${costText(files, of, bytes)}.${stay} Sources are kept.`);
      remove.disabled = files === 0;
    } catch (error) {
      setText(preview, error.message);
    }
  };
  const form = element(
    'form',
    { attributes: { method: 'dialog' } },
    element('p', {
      class: 'muted',
      text: 'Removes copies that fit all of these; those that were never used count as unused. With nothing chosen, it removes all copies.',
    }),
    field('Not used for days', days),
    field('Larger than GiB', size),
    field('Category', category),
    field('Folder', folder),
    preview,
    element('div', { class: 'tools' }, cancel, remove),
  );
  form.addEventListener('input', () => void show());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    close(wanted());
  });
  void show();
  return [form];
}

function field(text, input) {
  return element('label', { class: 'field' }, element('span', { text }), input);
}

function select(id, shares) {
  const names = shares
    .map(({ name }) => name)
    .filter((name) => name !== '')
    .sort();
  const options = [['', 'any'], ...names.map((name) => [name, name])];
  return element(
    'select',
    { attributes: { id } },
    ...options.map(([value, text]) => element('option', { text, attributes: { value } })),
  );
}
