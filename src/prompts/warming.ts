import { queueOf } from '../comfyui/queue-state.ts';
import type { ComfyuiServer } from '../comfyui/server.ts';
import { messageOf } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';

/** A prompt to run later. */
interface Wanted {
  key: string;
  server: ComfyuiServer;
  run(): Promise<unknown>;
}

/** Interval between two checks of ComfyUI's queue, ms: while it answers, and the maximum while it does not. */
const everyMs = 2000;
const longestMs = 60_000;
/** Maximum number of waiting prompts. */
const most = 1000;

/** Runs prompts one after the other, each while ComfyUI is idle. */
export class Warming implements AsyncDisposable {
  readonly #wanted = new Map<string, Wanted>();
  readonly #rounds: Periodic;
  readonly #log: Log;
  readonly #closing = new AbortController();
  #pauseMs = everyMs;

  constructor(log: Log) {
    this.#log = log;
    this.#rounds = new Periodic(() => this.#round(), {
      everyMs: () => this.#pauseMs,
      onError: (err) => log.error({ err }, 'a prompt could not be run ahead of time'),
    });
  }

  /** @returns false when too many wait already */
  add(wanted: Wanted): boolean {
    if (!this.#wanted.has(wanted.key) && this.#wanted.size >= most) return false;
    this.#wanted.set(wanted.key, wanted);
    void this.#rounds.now();
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#wanted.clear();
    await this.#rounds[Symbol.asyncDispose]();
  }

  async #round(): Promise<void> {
    for (const wanted of [...this.#wanted.values()]) {
      if (!(await this.#isIdle(wanted.server))) continue;
      this.#wanted.delete(wanted.key);
      await wanted
        .run()
        .catch((error: unknown) =>
          this.#log.warn({ key: wanted.key, why: messageOf(error) }, 'a prompt was not run ahead of time'),
        );
    }
  }

  async #isIdle(server: ComfyuiServer): Promise<boolean> {
    try {
      const { running, pending } = await queueOf(server, this.#closing.signal);
      this.#pauseMs = everyMs;
      return running.length + pending.length === 0;
    } catch {
      this.#pauseMs = Math.min(longestMs, this.#pauseMs * 2);
      return false;
    }
  }
}
