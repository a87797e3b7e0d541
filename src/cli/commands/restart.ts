import { basename, dirname, isAbsolute } from 'node:path';
import type { Command } from 'commander';
import type { ConfigValue } from '../../api/api.ts';
import { loadConfig } from '../../config/config.ts';
import { toCacheError } from '../../core/errors.ts';
import { Client } from '../client.ts';
import { startDetached } from '../detach.ts';
import type { Answer } from '../print.ts';
import { type Run, type Session, stateDirOf } from '../session.ts';
import { flagsOf, type StartOptions, withStartOptions } from '../start-options.ts';
import { startedAnswer } from '../started-answer.ts';
import { stopDaemon } from '../stop-daemon.ts';

export function addRestart(program: Command, run: Run): void {
  withStartOptions(program.command('restart'))
    .description('restart the daemon in the background with its last options')
    .action(run(restart));
}

async function restart(session: Session, options: StartOptions): Promise<Answer> {
  const running = await runningDaemon(stateDirOf(session));
  const settings = running?.settings ?? [];
  const flags = { ...flagsAtStart(settings), ...flagsOf(options, session.stateFlag) };
  const cwd = envFileDirectory(settings, stateDirOf(session)) ?? session.cwd;
  // A configuration that is refused must not cost the daemon that runs.
  loadConfig({ cwd, flags });
  if (running) await stopDaemon(running.client);
  return startedAnswer(await startDetached({ self: session.self, flags, cwd }));
}

async function runningDaemon(stateDir: string): Promise<{ client: Client; settings: ConfigValue[] } | null> {
  try {
    const client = await Client.find(stateDir);
    return { client, settings: (await client.config()).settings };
  } catch (error) {
    if (toCacheError(error).code === 'NOT_RUNNING') return null;
    throw error;
  }
}

function flagsAtStart(settings: ConfigValue[]): Record<string, string> {
  return Object.fromEntries(configured(settings).flatMap(({ key, value, from }) => (from === 'flag' ? [[key, value]] : [])));
}

/** Where the daemon read its .env file, when that is not the state directory: it is to find the same one again. */
function envFileDirectory(settings: ConfigValue[], stateDir: string): string | undefined {
  const files = configured(settings).filter(({ from }) => isAbsolute(from) && /^\.env\b/.test(basename(from)));
  return files.map(({ from }) => dirname(from)).find((directory) => directory !== stateDir);
}

/** As it was before any change made while running, which the catalog keeps. */
function configured(settings: ConfigValue[]): { key: string; value: string; from: string }[] {
  return settings.map((setting) => ({ key: setting.key, ...(setting.configured ?? setting) }));
}
