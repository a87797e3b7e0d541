import { counted, formatBytes } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { tell } from './dialogs.js';
import { copiesText } from './figures.js';

/** Reads the copies of these files again, and gives a verdict. */
export async function verify(files) {
  const ids = files.flatMap(({ id, tiers }) => (id !== null && tiers.length > 0 ? [id] : []));
  if (ids.length === 0) return { text: 'None of these files has a copy.' };
  tell(`Verifying ${copiesText(ids.length)}…`);
  return { text: verdictOf(await ask('/api/cache/verify', { ids })) };
}

export function verdictOf({ files, bytes, damaged, mismatched, skipped }) {
  const parts = [`${copiesText(files)} verified (${formatBytes(bytes)})`];
  if (damaged.length === 0 && mismatched.length === 0) parts.push('OK');
  const lines = [
    ...damaged.map(({ path, why, recopied }) => `${path}: ${why}${recopied ? '; it is being copied anew' : ''}`),
    ...mismatched.map(({ path }) => `${path} is not the file that was published; download it again`),
    ...(skipped.length > 0 ? [`${counted(skipped.length, 'file')} left out: ${skipped[0].why}`] : []),
  ];
  return [parts.join(': '), ...lines].join('. ');
}
