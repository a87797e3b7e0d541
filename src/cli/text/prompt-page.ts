import type { PromptAnswer } from '../../api/prompts.ts';
import { formatBytes, formatDuration } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { Look } from './look.ts';

/** The page of `autocached run`: the outputs, one file or value a line. */
export function promptPage(answer: PromptAnswer, written: readonly string[] | null, look: Look): string {
  const files = answer.outputs.map(({ path, subfolder, filename, type, size }, index) => {
    const name = plain([type, subfolder, filename].filter((part) => part !== '').join('/'));
    const shown = written?.[index] ?? path;
    const bytes = size === null ? '' : `, ${formatBytes(size)}`;
    return shown === null
      ? `${name}${bytes}, in ComfyUI's own folder`
      : `${plain(shown)}${look.paint('dim', `  ${name}${bytes}`)}`;
  });
  const values = answer.values.map(({ node, name, value }) => `${plain(`${node} ${name}: ${JSON.stringify(value)}`)}`);
  return [look.paint('bold', headOf(answer)), ...files, ...values].join('\n');
}

function headOf({ reason, ageMs, why, outputs, values }: PromptAnswer): string {
  const none = outputs.length + values.length === 0 ? '; it has put out nothing' : '';
  if (reason === 'HIT' || reason === 'STALE') return `known, computed ${formatDuration(ageMs)} ago${none}`;
  return why === null ? `computed, and kept${none}` : `computed, not kept: ${plain(why)}${none}`;
}
