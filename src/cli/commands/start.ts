import { join } from 'node:path';
import type { Command } from 'commander';
import { findDaemon } from '../../client/daemon-file.ts';
import type { Daemon } from '../../compose/daemon.ts';
import { loadConfig } from '../../config/config.ts';
import { boundOldGeneration, freeCompilationsAtOnce } from '../../runtime/heap.ts';
import { daemonLogName, isOpenAs } from '../../runtime/log.ts';
import { startDetached } from '../detach.ts';
import { ownCommand } from '../own-command.ts';
import { type Answer, printAnswer } from '../print.ts';
import { notifySystemd } from '../service/notify.ts';
import type { Host, Run, Session } from '../session.ts';
import { flagsOf, type StartOptions, withStartOptions } from '../start-options.ts';
import { startedAnswer } from '../started-answer.ts';
import { startPage } from '../text/start-page.ts';

const examples = `
Examples:
  autocached start --roots "/mnt/nas/models;/mnt/hdd/models" --limit 200GiB
  autocached start --detach --set AUTOCACHE_JOBS=4

Everything else that can be set: see .env.example, or: autocached config`;

export function addStart(program: Command, run: Run): void {
  withStartOptions(program.command('start'))
    .description('start the daemon, in the foreground or with --detach')
    .option('--detach', 'run in the background; output goes to daemon.log in the state directory')
    .addHelpText('after', examples)
    .action(run(start));
}

async function start(session: Session, { detach, ...options }: StartOptions & { detach?: true }): Promise<Answer | undefined> {
  const { cwd, self, signals } = session;
  const flags = flagsOf(options, session.stateFlag);
  if (detach) return startedAnswer(await startDetached({ self, flags, cwd }));

  const loaded = loadConfig({ cwd, flags });
  // Other users may not change any file that it makes. Members of its group may read the files made for them, under any
  // umask: files with a secret have a mode of their own, and the directories around all are closed to everybody else.
  const kept = loaded.config.group === null ? 0o777 : 0o727;
  process.umask((process.umask() & kept) | 0o022);
  freeCompilationsAtOnce();
  const { startDaemon } = await import('../../compose/daemon.ts');
  using end = awaitSignal(signals);
  await using daemon = await startDaemon(loaded, { command: ownCommand(self, null) });
  boundOldGeneration();
  // The directory that it was started in may be removed, after which no thread starts, or lie on a volume that is to be unmounted.
  session.chdir?.(loaded.config.stateDir);
  using _ = notifySystemd();
  printAnswer(await answerOf(daemon, loaded.notices), session);
  const signal = await Promise.race([end.signal, daemon.stopped]);
  if (signal) session.err.write(`${signal}: stopping; a second one quits at once\n`);
  return undefined;
}

async function answerOf(daemon: Daemon, notices: string[]): Promise<Answer> {
  const { config, url, roots, usedBytes, limitBytes, accounting } = daemon;
  const { url: at, pid, version, tokenFile } = findDaemon(config.stateDir);
  const data = { url: at, pid, version, tokenFile };
  const facts = {
    url,
    roots,
    usedBytes,
    limitBytes,
    accounting,
    notices,
    dir: config.dir,
    mode: config.mode,
    pid: process.pid,
  };
  return { data, page: (look) => startPage({ ...facts, stop: stopText(config.stateDir) }, look) };
}

/** The way to stop it: in the background there is no keyboard. */
function stopText(stateDir: string): string {
  const logPath = join(stateDir, daemonLogName);
  return isOpenAs(logPath, 1) ? `autocached stop ends it; its log: ${logPath}` : 'Ctrl-C stops it';
}

const signalNames = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK'];

/** The first signal that asks for an end. The second one has no listener, so it ends the process at once. */
function awaitSignal(signals: Host['signals']): Disposable & { signal: Promise<string> } {
  let stopListening = () => {};
  const signal = new Promise<string>((resolve) => {
    const received = (name: string) => {
      stopListening();
      resolve(name);
    };
    stopListening = () => {
      for (const name of signalNames) signals.off(name, received);
    };
    for (const name of signalNames) signals.on(name, received);
  });
  return { signal, [Symbol.dispose]: () => stopListening() };
}
