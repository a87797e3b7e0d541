import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { startDetached } from '../detach.ts';
import { lastRun } from '../last-run.ts';
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
  const last = await lastRun(stateDirOf(session));
  const flags = { ...last?.flags, ...flagsOf(options, session.stateFlag) };
  const cwd = last?.cwd ?? session.cwd;
  // A configuration that is refused must not cost the daemon that runs.
  loadConfig({ cwd, flags });
  if (last) await stopDaemon(last.client);
  return startedAnswer(await startDetached({ self: session.self, flags, cwd }));
}
