import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { environmentVariable } from '../config/environment-variable.ts';
import { shellWord } from './text/shell-word.ts';

const isWindows = process.platform === 'win32';

/**
 * The command by which a person calls this program in a shell: `autocached` if the PATH leads to it; otherwise the path of its file, as
 * after `npm start` in a clone or in an unpacked archive.
 * @param self the command line that runs it: Node, its options, the script
 * @param cwd where it is typed; null = anywhere
 */
export function ownCommand(self: readonly string[], cwd: string | null): string {
  const [node, script] = [self[0], self.at(-1)];
  if (node === undefined || script === undefined) return 'autocached';
  const found = onPath('autocached');
  // On Windows npm puts a script there that calls this program.
  if (found !== null && (isWindows || realOf(found) === realOf(script))) return 'autocached';
  if (environmentVariable('npm_command') === 'exec') return 'npx autocached';
  // npm runs its scripts in the package's directory, not in that of the person.
  const from = cwd === null ? null : (environmentVariable('INIT_CWD') ?? cwd);
  const unpacked = join(dirname(node), 'autocached.cmd');
  if (isWindows && existsSync(unpacked)) return asWord(unpacked, from, `.${sep}`);
  return `${onPath('node') === null ? asWord(node, from) : 'node'} ${asWord(script, from)}`;
}

/** The file that a shell runs for this name. */
function onPath(name: string): string | null {
  const files = isWindows ? [`${name}.exe`, `${name}.cmd`] : [name];
  for (const directory of (environmentVariable('PATH') ?? '').split(delimiter)) {
    // npm and npx add these directories for the programs that they run.
    if (directory.endsWith(`node_modules${sep}.bin`)) continue;
    const found = files.map((file) => join(directory, file)).find((file) => existsSync(file));
    if (found !== undefined) return found;
  }
  return null;
}

function realOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** A path as a shell reads it from this directory, or from any. @param here prefix of a relative one */
function asWord(path: string, from: string | null, here = ''): string {
  if (from === null) return shellWord(path);
  const below = relative(from, path);
  const short = below === '' || below.startsWith('..') || isAbsolute(below) ? path : here + below;
  return shellWord(short);
}
