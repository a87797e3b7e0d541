import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { isAlive } from '../../src/runtime/lock-holder.ts';
import { soon } from '../helpers/patience.ts';

test.runIf(process.platform === 'linux')(
  'a daemon that has ended is not waited for when its parent does not notice',
  async () => {
    // The second program takes the place of the shell, and knows nothing of its child, which reads until then.
    const script = 'read line <&3 & echo $!; exec sleep 600';
    const parent = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [line] = await once(parent.stdio[1] as Readable, 'data');
    const pid = Number(String(line));
    await vi.waitFor(() => expect(readFileSync(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n'), soon());
    (parent.stdio[3] as Writable).end();
    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, 'latin1')).toContain(') Z '), soon());
    expect(() => process.kill(pid, 0)).not.toThrow();
    expect(isAlive(pid)).toBe(false);
    expect(isAlive(parent.pid ?? 0)).toBe(true);
  },
);
