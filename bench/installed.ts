import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Client } from '../src/cli/client.ts';

/** Ends leases as the shim does when a program is done with its models. */
export async function endLeases({ daemon }: Client, who: { app: string; pid: number }, process?: string): Promise<void> {
  const token = readFileSync(daemon.tokenFile, 'utf8').trim();
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    ...(process !== undefined && { 'x-autocached-process': process }),
  };
  const body = JSON.stringify({ client: who, end: true });
  const { status } = await fetch(`${daemon.url}/api/leases`, { method: 'POST', headers, body });
  if (status !== 200) throw new Error(`the leases could not be ended: ${status}`);
}

/** The installed program with its own folder, for benchmarks and the demo. */
export class Installed implements AsyncDisposable {
  readonly dir: string;
  readonly root: string;
  readonly stateDir: string;
  readonly env: Record<string, string>;
  /** The Node that runs the program. */
  node = process.execPath;
  /** Arguments for Node that run the program. */
  command = [fileURLToPath(new URL('../dist/bin/autocached.js', import.meta.url))];
  #stderr: 'inherit' | 'ignore' = 'inherit';
  #child: ChildProcess | undefined;

  /** @param settings AUTOCACHE_* in addition to those that separate it from the user's own daemon */
  constructor(name: string, settings: (root: string) => Record<string, string>) {
    this.dir = mkdtempSync(join(tmpdir(), `autocached-${name}-`));
    this.root = join(this.dir, 'models');
    this.stateDir = join(this.dir, 'state');
    this.env = {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
      HOME: this.dir,
      AUTOCACHE_DIR: join(this.dir, 'ssd'),
      AUTOCACHE_STATE: this.stateDir,
      AUTOCACHE_LISTEN: '127.0.0.1:0',
      AUTOCACHE_MIN_FREE: '1%',
      AUTOCACHE_LOG: 'error',
      ...settings(this.root),
    };
  }

  /** Discards its log: for tests that make it complain. */
  quiet(): void {
    this.#stderr = 'ignore';
  }

  /** Starts `autocached start` and waits until it has printed its next step. */
  async start(): Promise<Client> {
    const child = this.launch();
    const ended = once(child, 'exit').then(() => {
      throw new Error('the daemon did not start');
    });
    await Promise.race([once(child.stdout, 'data'), ended]);
    ended.catch(() => {});
    child.stdout.resume();
    return Client.find(this.stateDir);
  }

  /** The same without waiting. */
  launch(): ChildProcessByStdio<null, Readable, null> {
    const child = spawn(this.node, [...this.command, 'start'], {
      env: this.env,
      cwd: this.dir,
      stdio: ['ignore', 'pipe', this.#stderr],
    });
    this.#child = child;
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    return child;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGTERM');
    rmSync(this.dir, { recursive: true, force: true });
  }
}
