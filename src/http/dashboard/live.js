import { open, refusal } from './api.js';

const soonMs = 1000;
const longestMs = 15_000;

/**
 * The daemon's events while the page is visible: a browser opens at most six connections to a daemon, which hidden tabs must not use up.
 */
export class Live {
  #listeners = new Set();
  #stop = null;

  /** @param onState `true` when events come, `false` when they no longer do, with the error */
  constructor(onState) {
    this.onState = onState;
    document.addEventListener('visibilitychange', () => this.#follow());
  }

  start() {
    this.#follow();
  }

  /** @param listener gets the name of an event and its data. @returns ends it */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #follow() {
    if (document.hidden) {
      this.#stop?.abort();
      this.#stop = null;
    } else if (this.#stop === null) {
      this.#stop = new AbortController();
      void this.#listen(this.#stop.signal);
    }
  }

  async #listen(signal) {
    for (let waitMs = soonMs; !signal.aborted; waitMs = Math.min(waitMs * 2, longestMs)) {
      try {
        const response = await open('/api/events', { signal });
        if (!response.ok) throw await refusal(response);
        this.onState(true);
        waitMs = soonMs;
        for await (const { name, data } of readEvents(response.body))
          for (const listener of this.#listeners) listener(name, data);
        // The next attempt shows whether the daemon has ended.
      } catch (error) {
        if (signal.aborted) return;
        this.onState(false, error);
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** Server-sent events out of bytes. */
async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    // Any error counts as its end.
    const { done, value } = await reader.read().catch(() => ({ done: true }));
    if (done) return;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/s.exec(block) ?? [];
      if (name) yield { name, data: JSON.parse(data) };
    }
  }
}
