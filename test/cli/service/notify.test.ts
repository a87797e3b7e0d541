import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { endDaemonProcess, startDaemonProcess } from '../../helpers/daemon-process.ts';
import { patience } from '../../helpers/patience.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

const possible = ['systemd-notify', 'python3'].every((program) => spawnSync(program, ['--version']).status === 0);

test.skipIf(!possible)(
  'systemd hears when the daemon answers, again and again that it lives, and when it stops',
  { timeout: patience(60_000) },
  async () => {
    const socket = join(tempDir(), 'notify');
    const systemd = spawn('python3', [join(import.meta.dirname, '../../helpers/notify_socket.py'), socket], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void systemd.kill());
    const heard = createInterface({ input: systemd.stdout })[Symbol.asyncIterator]();
    const next = async () => (await heard.next()).value;
    expect(await next()).toBe('ready');

    const { child, client } = await startDaemonProcess({
      settings: {},
      environment: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000' },
    });
    // Each message is sent by a program of its own, so that they may overtake each other.
    const until = async (told: string, times: number) => {
      for (let seen = 0; seen < times; ) if ((await next()) === told) seen++;
    };
    await until('READY=1', 1);
    expect(await client.healthy()).toBe(true);
    await until('WATCHDOG=1', 3);
    await endDaemonProcess(child);
    await until('STOPPING=1', 1);
  },
);
