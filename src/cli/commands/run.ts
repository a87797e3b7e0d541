import { join, resolve, sep } from 'node:path';
import type { Command } from 'commander';
import type { PromptAnswer } from '../../api/prompts.ts';
import { CacheError } from '../../core/errors.ts';
import { makeFile } from '../make-file.ts';
import { collect, lifetime } from '../options.ts';
import type { Answer } from '../print.ts';
import { readPromptFile } from '../prompt-file.ts';
import { type PromptFlags, runPromptOf } from '../run-prompt.ts';
import type { Run, Session } from '../session.ts';
import { promptPage } from '../text/prompt-page.ts';

const more = `
A prompt that is known is answered at once, also while ComfyUI is not running.
One that is not is run in ComfyUI, and kept; equal ones that are asked for at
the same time are run once. Ctrl-C stops it in ComfyUI, unless others wait for
it too.

Examples:
  autocached run portrait_api.json --watch
  autocached run portrait_api.json --out pictures
  autocached run ComfyUI_00001_.png --fresh`;

interface Flags extends PromptFlags {
  out?: string;
}

export function addRun(program: Command, run: Run): void {
  withPromptFlags(
    program
      .command('run')
      .description('have ComfyUI run a prompt, or find what it gave before')
      .argument('<prompt>', 'API prompt as JSON, or a PNG or WebP image that ComfyUI has saved'),
  )
    .addHelpText('after', more)
    .action(
      run(async (session, file: string, flags: Flags): Promise<Answer> => {
        const prompt = await readPromptFile(resolve(session.cwd, file));
        return answerOf(session, await runPromptOf(session, prompt, flags), flags.out);
      }),
    );
}

/** The options of commands that run a prompt. */
export function withPromptFlags(command: Command): Command {
  return command
    .option('-w, --watch', 'show how it goes')
    .option('--fresh', 'run it, whatever is known, and keep the new result')
    .option('--comfyui <url>', 'where ComfyUI listens (default: AUTOCACHE_COMFYUI_URL, else port 8188)')
    .option(
      '--repeatable <class>',
      'a node of a pack that gives the same for the same inputs; may be given several times',
      collect,
    )
    .option('--ttl <duration>', 'how long its result is fresh, such as 1h; none = without end', lifetime)
    .option('--tag <tag>', 'a tag of its result, for memo invalidate; may be given several times', collect)
    .option('--out <dir>', 'write its files there');
}

/** The found or new result, with its files written to `out`. */
export async function answerOf(session: Session, data: PromptAnswer, out: string | undefined): Promise<Answer> {
  const written = out === undefined ? null : await writeInto(resolve(session.cwd, out), data);
  return { data: written ? { ...data, written } : data, page: (look) => promptPage(data, written, look) };
}

/** @returns the paths, in the order of the outputs @throws CacheError NOT_FOUND, BAD_REQUEST, Error of node:fs */
async function writeInto(dir: string, { outputs }: PromptAnswer): Promise<string[]> {
  const written: string[] = [];
  for (const { path, subfolder, filename } of outputs) {
    if (path === null)
      throw new CacheError('NOT_FOUND', `${filename} was not kept`, { hint: 'ComfyUI has it in its own folder.' });
    const to = join(dir, subfolder, filename);
    if (!to.startsWith(dir.endsWith(sep) ? dir : dir + sep))
      throw new CacheError('BAD_REQUEST', `${filename} leads out of ${dir}`);
    await makeFile(path, { to, mode: 0o644 });
    written.push(to);
  }
  return written;
}
