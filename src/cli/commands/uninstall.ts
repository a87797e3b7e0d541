import { resolve } from 'node:path';
import type { Command } from 'commander';
import { CacheError, toCacheError } from '../../core/errors.ts';
import { packageDir } from '../../runtime/package.ts';
import { Client } from '../client.ts';
import { agreed } from '../confirm.ts';
import { collect } from '../options.ts';
import { type Answer, exitCodes } from '../print.ts';
import { type Run, type Session, stateDirOf } from '../session.ts';
import { leftPage, uninstallPage } from '../text/uninstall-page.ts';
import { carryOutUninstall, uninstallPlan } from '../uninstall.ts';

interface Options {
  comfyui?: string[];
  keepCache?: true;
  dryRun?: true;
  yes?: true;
}

const examples = `
Your models are never touched, nor the settings in config.env and .env, nor
files that nodes wrote beside copies.

Examples:
  autocached uninstall --dry-run
  autocached uninstall --keep-cache`;

export function addUninstall(program: Command, run: Run): void {
  program
    .command('uninstall')
    .description('remove service, resolver, copies and state; shows them and asks first')
    .option('--comfyui <dir>', 'a ComfyUI that the daemon does not know of; repeatable', collect)
    .option('--keep-cache', 'leave copies and results where they are')
    .option('--dry-run', 'show what would be removed, remove nothing')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples)
    .action(run(uninstall));
}

async function uninstall(session: Session, { comfyui = [], keepCache, dryRun, yes }: Options): Promise<Answer> {
  const stateDir = stateDirOf(session);
  const client = await Client.find(stateDir).catch((error) => {
    const { code, message } = toCacheError(error);
    if (code !== 'NOT_RUNNING') throw error;
    const hint = 'only the daemon knows which files are its own: autocached start --detach, then again';
    throw new CacheError(code, message, { hint, cause: error });
  });
  const named = comfyui.map((dir) => resolve(session.cwd, dir));
  const plan = await uninstallPlan(session, client, { stateDir, named, keepCache: keepCache === true });
  const data = { ...plan, service: plan.service?.file ?? null };
  const page = uninstallPage(plan);
  if (dryRun) return { data, page: () => page };
  if (!yes && !(await agreed(session, page, 'Remove all of this?'))) {
    return { data, page: () => 'nothing removed', exitCode: exitCodes.failed };
  }
  const outcome = await carryOutUninstall(client, plan);
  return { data: { ...data, ...outcome }, page: () => leftPage(outcome, packageDir) };
}
