import { rootTerms } from '../../../comfyui/web/vocabulary.js';
import { counted, formatBytes } from '../../../comfyui/web/words.js';
import { copiesText, splitPath } from './figures.js';
import { typed } from './own-command.js';

/**
 * The troubles and their remedies, the gravest first.
 * @returns items with `grave`, `text`, `todo`, and the `page` where it is done, where there is one
 */
export function troublesOf(stats, { paused = false, jobs = [] } = {}) {
  const found = [...diskTroubles(stats), ...rootTroubles(stats), ...copyTroubles(stats), ...modeTroubles(stats, paused)];
  const isMended = ({ id, path }) => jobs.some((job) => job.path === path && job.id > id && job.state === 'done');
  const failed = jobs.filter((job) => job.state === 'failed' && job.error && !isMended(job));
  if (failed.length > 0) {
    const [{ error }] = failed;
    const text = `${copiesText(failed.length)} could not be made: ${error.message}`;
    found.push({ grave: false, text, todo: 'Copies lists each with its reason.', page: 'copies' });
  }
  for (const text of stats.warnings) found.push({ grave: false, text, todo: 'See Settings.', page: 'settings' });
  return found.sort((a, b) => Number(b.grave) - Number(a.grave));
}

function diskTroubles({ tiers, dir, orphans }) {
  const found = tiers.flatMap(({ tier, state }) => {
    const name = tier.toUpperCase();
    if (state === 'away') {
      const text = `The disk of the ${name} tier is away (${dir}). Models load from their own places.`;
      return [{ grave: true, text, todo: 'Connect or mount it: its copies are used again by themselves.' }];
    }
    if (state === 'read-only') {
      const text = `The disk of the ${name} tier takes no writes. Copies are used, none are made.`;
      return [{ grave: true, text, todo: 'See whether it is mounted read-only, or failing.' }];
    }
    return [];
  });
  const bytes = orphans.reduce((sum, orphan) => sum + orphan.bytes, 0);
  if (orphans.length > 0) {
    const text = `${counted(orphans.length, 'file')} in the cache directory ${orphans.length === 1 ? 'is no copy' : 'are no copies'} (${formatBytes(bytes)}) and count towards the limit.`;
    found.push({ grave: false, text, todo: `${typed('doctor')} names them.` });
  }
  return found;
}

function rootTroubles({ roots }) {
  const missed = roots.filter(({ health, origin }) => health === 'away' || (health === 'missing' && origin !== 'comfyui'));
  return missed.map(({ path, health, why }) => {
    const { word } = rootTerms[health];
    const text = ended(`${path} is ${word}${why ? `: ${why}` : ''}`);
    const short = `${splitPath(path).base || path} is ${word}`;
    return { grave: false, text, short, todo: folderAdvice(health, why), page: 'folders' };
  });
}

/** Advice on a folder that is away or missing, where `why` gives none. */
export function folderAdvice(health, why) {
  if (health === 'missing') return 'Correct the path where it is named, make the folder, or forget it.';
  const question = why?.includes('mounted?') ? '' : 'Is the drive or share mounted? ';
  return `${question}Cached models from it keep working.`;
}

/** A sentence with its end. */
export function ended(text) {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

function copyTroubles({ stuck, mismatched, written }) {
  const found = [];
  if (mismatched > 0) {
    const text = `${counted(mismatched, 'source')} ${mismatched === 1 ? 'differs' : 'differ'} from the SHA-256 that was published with ${mismatched === 1 ? 'it' : 'them'}.`;
    found.push({ grave: true, text, todo: `Download again what ${typed('verify --all')} names.` });
  }
  if (stuck.length > 0) {
    const text = `${stuck[0].app} still reads ${counted(stuck.length, 'model')} from a slow disk although copies are ready.`;
    found.push({
      grave: false,
      text,
      todo: 'Unload the models there, or set AUTOCACHE_COMFYUI_FREE to auto.',
      page: 'settings',
    });
  }
  if (written.files > 0) {
    const text = `Programs wrote ${counted(written.files, 'file')} (${formatBytes(written.bytes)}) beside copies.`;
    found.push({ grave: false, text, todo: `${typed('bring-back')} puts them beside their sources.` });
  }
  return found;
}

function modeTroubles({ mode, accounting, roots }, paused) {
  const found = [];
  if (mode === 'off')
    found.push({ grave: false, text: 'autocached is off.', todo: 'Turn it on in Settings.', page: 'settings' });
  if (mode === 'read-only') {
    const text = 'Copies are used and none are made: the mode is read only.';
    found.push({ grave: false, text, todo: 'Change the mode in Settings.', page: 'settings' });
  }
  if (paused) found.push({ grave: false, text: 'Copying is paused.', todo: 'Resume it in Copies.', page: 'copies' });
  if (roots.length === 0) {
    const text = 'No model folder is known yet.';
    found.push({ grave: false, text, todo: 'Start ComfyUI with autocached installed, or add a folder.', page: 'folders' });
  }
  if (accounting) {
    const text = `The files in the cache are being accounted for (${accounting.seen.toLocaleString('en-US')} so far). Copies wait.`;
    found.push({ grave: false, text, todo: 'Nothing: it ends by itself.' });
  }
  return found;
}
