import { spawn } from 'node:child_process';
import { environmentVariable } from '../../config/environment-variable.ts';

/**
 * Tells systemd that the daemon answers, and from then on, at half the time after which systemd would take it for hung, that its event
 * loop turns. Does nothing when systemd did not start this process, or does not ask for it.
 * @returns ends the telling, and says that the daemon is stopping
 */
export function notifySystemd(): Disposable {
  if (environmentVariable('NOTIFY_SOCKET') === null) return { [Symbol.dispose]: () => {} };
  tell('READY=1');
  const watchdogMs = Number(environmentVariable('WATCHDOG_USEC') ?? 0) / 1000;
  const timer = watchdogMs > 0 ? setInterval(() => tell('WATCHDOG=1'), watchdogMs / 2).unref() : undefined;
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      tell('STOPPING=1');
    },
  };
}

/** Node has no datagram socket for paths; systemd brings a program that sends for others. Without it the start of the unit times out. */
function tell(state: string): void {
  spawn('systemd-notify', [state], { stdio: 'ignore' })
    .on('error', () => {})
    .unref();
}
