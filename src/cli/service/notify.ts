import { spawn } from 'node:child_process';
import { environmentVariable } from '../../config/environment-variable.ts';

/**
 * Notifies systemd that the daemon answers, and then periodically that its event loop turns, at half the interval after which systemd
 * takes it for hung. Does nothing when systemd did not start this process, or does not request it.
 * @returns ends the notifications, and reports that the daemon is stopping
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

/** Node has no datagram socket for paths; systemd has a program that sends for others. Without it the start of the unit times out. */
function tell(state: string): void {
  spawn('systemd-notify', [state], { stdio: 'ignore' })
    .on('error', () => {})
    .unref();
}
