import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { CacheError, messageOf } from '../../core/errors.ts';
import { errnoOf, meaningOf } from '../../runtime/errnos.ts';
import type { ServicePlan, Step } from './plan.ts';

const run = promisify(execFile);
/** Timeout of a service manager, ms. */
const timeout = 60_000;
const byteOrderMark = '\ufeff';

/** The text of the service's file; null when it is not there. */
export async function installedText({ file, encoding }: ServicePlan): Promise<string | null> {
  try {
    return (await readFile(file, encoding)).replace(byteOrderMark, '');
  } catch (error) {
    if (meaningOf(error) === 'missing') return null;
    throw refused(error, file);
  }
}

/** @throws CacheError FORBIDDEN, INTERNAL with the message of a command */
export async function install(plan: ServicePlan): Promise<void> {
  for (const command of plan.prepare) await step({ command });
  try {
    await mkdir(dirname(plan.file), { recursive: true });
    await writeFile(plan.file, plan.encoding === 'utf16le' ? byteOrderMark + plan.text : plan.text, plan.encoding);
  } catch (error) {
    throw refused(error, plan.file);
  }
  for (const one of plan.install) await step(one);
}

/** @throws CacheError as `install` */
export async function uninstall(plan: ServicePlan): Promise<void> {
  for (const one of plan.uninstall) await step(one);
  await rm(plan.file, { force: true }).catch((error) => {
    throw refused(error, plan.file);
  });
  for (const command of plan.tidy) await step({ command });
}

/** @throws CacheError as `install` */
export async function restartService({ restart }: ServicePlan): Promise<void> {
  for (const one of restart) await step(one);
}

/** Whether the service manager reports that the service runs and is well. */
export async function isRunning({ query: [program = '', ...args] }: ServicePlan): Promise<boolean> {
  return run(program, args, { timeout }).then(
    () => true,
    () => false,
  );
}

async function step({ command, mayFail }: Step): Promise<void> {
  const [program = '', ...args] = command;
  try {
    await run(program, args, { timeout });
  } catch (error) {
    if (mayFail) return;
    if (errnoOf(error) === 'ENOENT') {
      throw new CacheError('NOT_FOUND', `this machine has no ${program}`, {
        hint: '"autocached start --detach" starts the daemon without a service',
        cause: error,
      });
    }
    const said = String((error as { stderr?: unknown }).stderr ?? '').trim() || messageOf(error);
    throw new CacheError('INTERNAL', `${command.join(' ')}: ${said}`, { cause: error });
  }
}

function refused(error: unknown, file: string): unknown {
  if (meaningOf(error) !== 'denied') return error;
  const hint = 'a service of the machine is installed by root: sudo env "PATH=$PATH" autocached service ...';
  return new CacheError('FORBIDDEN', `${file} cannot be changed by this user`, { hint, cause: error });
}
