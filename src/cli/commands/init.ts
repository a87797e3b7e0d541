import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { userConfigPath } from '../../config/env.ts';
import { keys } from '../../config/keys.ts';
import { CacheError } from '../../core/errors.ts';
import { plain } from '../../core/printable.ts';
import { assertCanAsk, confirm } from '../confirm.ts';
import { type Draft, draftOf, writeDraft } from '../init/settings-file.ts';
import { type Survey, survey } from '../init/survey.ts';
import { type Answer, exitCodes } from '../print.ts';
import type { Run, Session } from '../session.ts';
import { surveyPage } from '../text/init-page.ts';
import { lookOf } from '../text/look.ts';
import { shellWord } from '../text/shell-word.ts';

interface Options {
  dir?: string;
  limit?: string;
  roots?: string;
  yes?: true;
  overwrite?: true;
}

export function addInit(program: Command, run: Run): void {
  program
    .command('init')
    .description('show what is on this machine, ask, and write the settings file')
    .argument('[comfyui...]', 'directories of ComfyUI; it is looked for where it usually lies, too')
    .option('--dir <dir>', 'cache directory on the SSD')
    .option('--limit <amount>', 'most bytes it may hold, such as 200GiB or 80%')
    .option('--roots <dirs>', "model folders besides ComfyUI's own, separated by ;")
    .option('-y, --yes', 'do not ask; a settings file that is there and differs stays')
    .option('--overwrite', 'with --yes: change the settings file that is there; it is kept as .bak')
    .action(run(init));
}

async function init(session: Session, dirs: string[], options: Options): Promise<Answer> {
  const path = userConfigPath();
  const asks = !options.yes;
  if (asks)
    assertCanAsk(session, 'init asks before it writes', { hint: 'add --yes to take what is found and what the options say' });
  const { cwd } = session;
  const found = await survey(checked(flagsOf(options), cwd), { dirs: dirs.map((dir) => resolve(cwd, dir)), cwd });
  if (asks) session.err.write(`${surveyPage(found, lookOf(session.err))}\n\n`);
  const chosen = asks ? await askedFor(session, found, options) : options;
  // An unusable value is reported before anything is written.
  const draft = draftOf(path, { ...settingsOf(chosen, cwd), ...comfyuiSetting(found) });
  if (draft.before === draft.after) return answerOf(found, draft, null);
  if (asks) {
    session.err.write(`\n${draftPage(draft)}\n`);
    if (!(await confirm(draft.before === null ? 'Write it?' : 'Change it?', session)))
      return { data: { written: false }, page: () => 'nothing written', exitCode: exitCodes.failed };
  } else if (draft.before !== null && !options.overwrite) {
    throw new CacheError('CONFLICT', `${path} is there, and has other settings`, {
      hint: 'add --overwrite to change it, or run init without --yes to see what would change',
    });
  }
  return answerOf(found, draft, writeDraft(draft).backup);
}

/** The settings with these values. @throws CacheError BAD_CONFIG */
function checked(flags: Record<string, string>, cwd: string) {
  return loadConfig({ cwd, flags }).config;
}

function flagsOf({ dir, limit, roots }: Options): Record<string, string> {
  const named = { [keys.dir.name]: dir, [keys.limit.name]: limit, [keys.roots.name]: roots };
  return Object.fromEntries(Object.entries(named).filter((entry): entry is [string, string] => !!entry[1]));
}

/** The same for a file in another directory: relative paths become absolute. @throws CacheError BAD_CONFIG */
function settingsOf(options: Options, cwd: string): Record<string, string> {
  const flags = flagsOf(options);
  const { dir, roots } = checked(flags, cwd);
  return {
    ...flags,
    ...(options.dir && { [keys.dir.name]: dir }),
    ...(options.roots && {
      [keys.roots.name]: roots.map(({ path, kind }) => (kind === null ? path : `${path}=${kind}`)).join(';'),
    }),
  };
}

function comfyuiSetting({ comfyui }: Survey): Record<string, string> {
  return comfyui.length === 0 ? {} : { [keys.comfyui.name]: comfyui.map(({ dir }) => dir).join(';') };
}

/** Asks for each setting; an empty answer takes the value in brackets. */
async function askedFor(session: Session, { cache }: Survey, options: Options): Promise<Options> {
  const lines = createInterface({ input: session.in, output: session.err });
  const closed = new Promise<string>((done) => lines.once('close', () => done('')));
  const ask = async (question: string, otherwise: string) => {
    const answer = await Promise.race([lines.question(`${question} [${otherwise}] `), closed]);
    return answer.trim() === '' ? otherwise : answer.trim();
  };
  try {
    const dir = await ask('Cache directory, on the fastest disk', options.dir ?? cache.dir);
    const limit = await ask('Most it may hold', options.limit ?? 'auto');
    const roots = await ask("Model folders besides ComfyUI's, separated by ;", options.roots ?? 'none');
    return { ...options, dir, limit, ...(roots !== 'none' && { roots }) };
  } finally {
    lines.close();
  }
}

function draftPage({ path, before, after }: Draft): string {
  const old = new Set(before?.split('\n'));
  const lines = after.trimEnd().split('\n');
  return `${path}:\n${lines.map((line) => plain(`${old.has(line) ? ' ' : '+'} ${line}`)).join('\n')}`;
}

function answerOf(found: Survey, { path, before, after }: Draft, backup: string | null): Answer {
  const written = before !== after;
  const comfyui = found.comfyui.map(({ dir }) => plain(`  autocached comfyui install ${shellWord(dir)}`));
  return {
    data: { written, path, backup, found },
    page: (look) =>
      [
        surveyPage(found, look),
        '',
        written ? `written: ${path}${backup === null ? '' : ` (before: ${backup})`}` : `${path} has these settings already`,
        'Next:',
        ...comfyui,
        '  autocached start --detach',
        ...found.arena.map(({ dir }) => plain(`  autocached take-over ${shellWord(dir)}`)),
      ].join('\n'),
  };
}
