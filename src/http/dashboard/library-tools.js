import { element, plain, setText } from '../../../comfyui/web/elements.js';
import { costText, counted, formatBytes } from '../../../comfyui/web/words.js';
import { ask, send } from './api.js';
import { attempt, confirmed } from './dialogs.js';
import { copiesText } from './figures.js';
import { verify } from './verify.js';

/** Actions on the selected files. @param latest settles with their present state @param onDone after a change */
export function selectionTools({ selected, latest, app, onDone }) {
  const count = element('span', { class: 'muted' });
  const done = () => {
    onDone();
    app.refresh();
  };
  const button = (text, act) => {
    const click = () => void attempt(async () => act(await latest())).then(done);
    return element('button', { text, attributes: { type: 'button' }, on: { click } });
  };
  const buttons = [
    button('Copy', (files) => copyNow(files, done)),
    button('Pin', (files) => pin(files, true, done)),
    button('Unpin', (files) => pin(files, false, done)),
    button('Verify', verify),
    button('Evict', (files) => evict(files, done)),
  ];
  const whole = element(
    'div',
    { class: 'tools', attributes: { role: 'group', 'aria-label': 'Selected files' } },
    count,
    ...buttons,
  );
  const show = () => {
    const files = [...selected.values()];
    whole.hidden = files.length === 0;
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    setText(count, `${files.length.toLocaleString('en-US')} selected, ${formatBytes(bytes)}`);
  };
  show();
  return { element: whole, show };
}

const pathsOf = (files) => files.map(({ path }) => path);

async function copyNow(files, done) {
  const { items } = await ask('/api/cache/warm', { paths: pathsOf(files) });
  const jobs = items.flatMap(({ job }) => job ?? []);
  const ready = items.filter((item) => item.ready).length;
  const others = items.filter((item) => !item.job && !item.ready);
  const parts = [
    jobs.length > 0 ? `${copiesText(jobs.length)} queued` : '',
    ready > 0 ? `${copiesText(ready)} ready` : '',
    others.length > 0 ? `${counted(others.length, 'file')} not copied: ${others[0].why}` : '',
  ];
  const run = async () => {
    await Promise.allSettled(jobs.map(({ id }) => send(`/api/jobs/${id}`, { method: 'DELETE' })));
    done();
  };
  return { text: `${parts.filter(Boolean).join(', ')}.`, undo: jobs.length > 0 ? { run } : undefined };
}

async function pin(files, pinned, done) {
  const changed = files.filter((file) => file.pinned !== pinned);
  if (changed.length === 0)
    return {
      text: `${counted(files.length, 'file')} ${files.length === 1 ? 'is' : 'are'} ${pinned ? 'pinned' : 'not pinned'} already.`,
    };
  const set = (to) => ask(`/api/cache/${to ? 'pin' : 'unpin'}`, { paths: pathsOf(changed) });
  await set(pinned);
  const run = async () => {
    await set(!pinned);
    done();
  };
  return { text: `${counted(changed.length, 'file')} ${pinned ? 'pinned' : 'unpinned'}.`, undo: { run } };
}

/** Deletes only after showing how much. */
async function evict(files, done) {
  const ids = files.flatMap(({ id }) => id ?? []);
  if (ids.length === 0) return { text: 'None of these files has a copy.' };
  const preview = await ask('/api/cache/evict', { ids, dryRun: true });
  const kept =
    preview.skipped.length > 0
      ? ` ${copiesText(preview.skipped.length)} ${preview.skipped.length === 1 ? 'stays' : 'stay'}: ${preview.skipped[0].why}.`
      : '';
  if (preview.files === 0) return { text: kept === '' ? 'None of these files has a copy.' : kept.trim() };
  const [first] = files;
  const what = files.length === 1 ? plain(first.name) : counted(files.length, 'file');
  const sources = files.length === 1 ? 'The source is kept.' : 'Sources are kept.';
  const cost = costText(preview.files, preview.of, preview.bytes);
  if (!(await confirmed('Evict', `${what}: ${cost}.${kept} ${sources}`, { yes: 'Evict' }))) return undefined;
  const { bytes, removed } = await ask('/api/cache/evict', { ids });
  return { text: `${copiesText(removed.length)} evicted, ${formatBytes(bytes)} free.`, undo: undoRemoval(removed, done) };
}

/** Copies that have left are made again, in the background. */
export function undoRemoval(removed, done = () => {}) {
  if (removed.length === 0) return undefined;
  const run = async () => {
    await ask('/api/cache/warm', { paths: [...new Set(removed.map(({ path }) => path))] });
    done();
    return { text: `${copiesText(removed.length)} will be made again.` };
  };
  return { label: 'Copy again', run };
}
