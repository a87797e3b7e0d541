import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { CacheError } from '../../core/errors.ts';
import { runningDaemon, startAgain } from '../daemon-again.ts';
import { startDetached } from '../detach.ts';
import type { Answer } from '../print.ts';
import type { Run, Session } from '../session.ts';
import { flagsOf, type StartOptions, withStartOptions } from '../start-options.ts';
import { startedAnswer } from '../started-answer.ts';
import { stopDaemon } from '../stop-daemon.ts';

export function addRestart(program: Command, run: Run): void {
  withStartOptions(program.command('restart'))
    .description('restart the daemon, as a service or in the background, with its last options')
    .action(run(restart));
}

async function restart(session: Session, options: StartOptions): Promise<Answer> {
  const running = await runningDaemon(session, 'restart');
  const flags = { ...running?.flags, ...flagsOf(options, session.stateFlag) };
  const cwd = running?.cwd ?? session.cwd;
  // An invalid configuration must not stop the running daemon.
  loadConfig({ cwd, flags });
  const { service } = running ?? {};
  if (running && service) {
    if (Object.keys(flagsOf(options, undefined)).length > 0) {
      throw new CacheError(
        'BAD_REQUEST',
        `the daemon is a service (${service.manager}) and has its options from ${service.file}`,
        {
          hint: 'write settings into the configuration file ("autocached config" names it), then: autocached restart',
        },
      );
    }
    return startedAnswer({ client: await startAgain(session, running), log: service.log });
  }
  if (running) await stopDaemon(running.client);
  return startedAnswer(await startDetached({ self: session.self, flags, cwd }));
}
