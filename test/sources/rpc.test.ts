import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Peer } from '../../src/runtime/peer.ts';
import { lookError } from '../../src/sources/io-errors.ts';
import type { Reader } from '../../src/sources/messages.ts';
import { type OpenReader, SourceChannel } from '../../src/sources/rpc.ts';

/** A question that was put to a reader: what it answers is up to the test. */
type Asked = PromiseWithResolvers<string>;

class FakeReader {
  asked: Asked[] = [];
  told: unknown[][] = [];
  killed = false;
  listener: Parameters<OpenReader>[0];

  constructor(listener: Parameters<OpenReader>[0]) {
    this.listener = listener;
  }

  /** The reader as the channel has it. Every text that is asked for waits for an answer. */
  get peer(): Peer<Reader> {
    const readText = () => {
      const asked = Promise.withResolvers<string>();
      this.asked.push(asked);
      return asked.promise;
    };
    return {
      call: { readText } as unknown as Peer<Reader>['call'],
      tell: { cancel: (id: number) => void this.told.push(['cancel', id]) } as Peer<Reader>['tell'],
      kill: (error) => {
        this.killed = true;
        for (const { reject } of this.asked) reject(error);
      },
    };
  }

  /** Answers a question, the last one unless another is named. */
  answer(text = 'x', asked = this.asked.at(-1)): void {
    this.listener.onHeard?.();
    asked?.resolve(text);
  }

  fail(error: Error): void {
    this.listener.onHeard?.();
    this.asked.at(-1)?.reject(error);
  }

  alive(id: number): void {
    this.listener.onHeard?.();
    this.listener.functions.alive(id);
  }

  async files(id: number): Promise<void> {
    this.listener.onHeard?.();
    await this.listener.functions.files(id, { rels: [], sizes: [], mtimesNs: new BigInt64Array(), inos: null });
  }
}

const readText = (reader: Peer<Reader>['call']) => reader.readText('/x');

function makeChannel() {
  const readers: FakeReader[] = [];
  const open: OpenReader = (listener) => {
    const reader = new FakeReader(listener);
    readers.push(reader);
    return reader.peer;
  };
  const channel = new SourceChannel({
    open,
    clock: { now: () => 0, monotonic: () => performance.now() },
    stallMs: 200,
    hangMs: 1_000,
    mostHung: 2,
    pauseMs: { first: 100, longest: 400 },
  });
  /** What became of a question: its text, or why there is none. */
  const ask = async (deadlineMs = 50) => {
    try {
      return await channel.ask(readText, { deadlineMs });
    } catch (error) {
      return `${(error as { code: string }).code}: ${(error as Error).message}`;
    }
  };
  const last = () => readers.at(-1) as FakeReader;
  return { channel, ask, readers, last };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Lets a reader hang until it is given up. */
async function hang({ ask }: ReturnType<typeof makeChannel>): Promise<void> {
  const asked = ask();
  await vi.advanceTimersByTimeAsync(50);
  await asked;
  await vi.advanceTimersByTimeAsync(1_000);
}

describe('asking a reader', () => {
  it('starts it with the first question and keeps it', async () => {
    const { ask, readers, last } = makeChannel();
    const first = ask();
    last().answer('one');
    expect(await first).toBe('one');
    const second = ask();
    last().answer('two');
    expect(await second).toBe('two');
    expect(readers).toHaveLength(1);
  });

  it('tells answers of questions that are asked at once apart', async () => {
    const { ask, last } = makeChannel();
    const [first, second] = [ask(), ask()];
    const [one, two] = last().asked;
    last().answer('two', two);
    last().answer('one', one);
    expect(await Promise.all([first, second])).toEqual(['one', 'two']);
  });

  it.each([
    ['ESTALE', 'SOURCE_AWAY'],
    ['ENOTCONN', 'SOURCE_AWAY'],
    ['EHOSTDOWN', 'SOURCE_AWAY'],
    ['EIO', 'SOURCE_AWAY'],
    ['EACCES', 'NOT_PERMITTED'],
    ['ENOENT', 'SOURCE_IO'],
  ])('takes %s for %s', async (errno, expected) => {
    const { ask, last } = makeChannel();
    const asked = ask();
    last().fail(lookError(Object.assign(new Error(`${errno}: no`), { code: errno })));
    expect(await asked).toBe(`${expected}: ${errno}: no`);
  });
});

describe('a source that hangs', () => {
  it('holds nobody longer than the deadline, and later askers not at all', async () => {
    const { ask, readers } = makeChannel();
    const asked = ask(50);
    await vi.advanceTimersByTimeAsync(50);
    expect(await asked).toBe('SOURCE_AWAY: no answer within 50 ms');
    await vi.advanceTimersByTimeAsync(150);
    expect(await ask()).toContain('still unanswered');
    expect(readers[0]?.killed).toBe(false);
  });

  it('is not concluded from one impatient question', async () => {
    const { ask, last } = makeChannel();
    const hasty = ask(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(await hasty).toContain('no answer');
    const patient = ask(1_000);
    last().answer('started');
    expect(await patient).toBe('started');
  });

  it('that answers late was only slow: its reader lives on', async () => {
    const { ask, readers, last } = makeChannel();
    const asked = ask(50);
    await vi.advanceTimersByTimeAsync(500);
    await asked;
    last().answer('late');
    const again = ask();
    last().answer('in time');
    expect(await again).toBe('in time');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(readers).toHaveLength(1);
    expect(readers[0]?.killed).toBe(false);
  });

  it('gets a new reader after a pause, and nobody waits for the old one to die', async () => {
    const made = makeChannel();
    await hang(made);
    expect(made.readers[0]?.killed).toBe(true);
    expect(await made.ask()).toContain('a moment ago');
    await vi.advanceTimersByTimeAsync(100);
    const asked = made.ask();
    expect(made.readers).toHaveLength(2);
    made.last().answer('back');
    expect(await asked).toBe('back');
  });

  it('never collects more hung readers than allowed, and goes on when they have died', async () => {
    const made = makeChannel();
    await hang(made);
    await vi.advanceTimersByTimeAsync(400);
    await hang(made);
    await vi.advanceTimersByTimeAsync(400);
    expect(made.channel.hung).toBe(2);
    expect(await made.ask()).toContain('2 readers hang');
    expect(made.readers).toHaveLength(2);
    made.readers[0]?.listener.onExit('SIGKILL');
    expect(made.channel.hung).toBe(1);
    const asked = made.ask();
    made.last().answer('back');
    expect(await asked).toBe('back');
  });

  it('is asked again ever more rarely while it fails, up to a bound', async () => {
    const made = makeChannel();
    const pauses: number[] = [];
    for (let round = 0; round < 4; round++) {
      const asked = made.ask();
      made.last().listener.onExit('it crashed');
      expect(await asked).toBe('SOURCE_AWAY: it crashed');
      let pause = 0;
      for (let opened = made.readers.length; made.readers.length === opened; pause += 50) {
        await vi.advanceTimersByTimeAsync(50);
        void made.ask();
      }
      pauses.push(pause);
    }
    expect(pauses).toEqual([100, 200, 400, 400]);
  });

  it('is not concluded from a question that waits behind others, which are answered', async () => {
    const { ask, readers, last } = makeChannel();
    const waiting = ask(50);
    for (let second = 0; second < 100; second++) {
      const asked = ask(50);
      await vi.advanceTimersByTimeAsync(40);
      last().answer('in time');
      expect(await asked).toBe('in time');
    }
    expect(await waiting).toContain('no answer');
    expect(readers).toHaveLength(1);
    expect(readers[0]?.killed).toBe(false);
    // Then nothing at all is heard.
    const unanswered = ask(50);
    await vi.advanceTimersByTimeAsync(1_050);
    expect(await unanswered).toContain('no answer');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(readers[0]?.killed).toBe(true);
  });

  it('does not count as hung while a long question gets on', async () => {
    const { channel, readers, last } = makeChannel();
    let batches = 0;
    const onFiles = () => void batches++;
    const walked = channel.ask(readText, { deadlineMs: 50, listener: { onFiles } });
    for (let second = 0; second < 100; second++) {
      await vi.advanceTimersByTimeAsync(40);
      last().alive(1);
      await vi.advanceTimersByTimeAsync(40);
      await last().files(1);
    }
    last().answer('end');
    expect(await walked).toBe('end');
    expect(batches).toBe(100);
    expect(last().told).toEqual([]);
    expect(readers[0]?.killed).toBe(false);
  });
});

describe('ending', () => {
  it('a question that is cancelled is answered and the reader told', async () => {
    const { channel, last } = makeChannel();
    const stop = new AbortController();
    const asked = channel.ask(readText, { deadlineMs: 1_000, signal: stop.signal });
    stop.abort();
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(last().told.at(-1)).toEqual(['cancel', 1]);
    await expect(channel.ask(readText, { deadlineMs: 1_000, signal: stop.signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  it('an event that nobody hears any more ends what sends it', async () => {
    const { ask, last } = makeChannel();
    const asked = ask();
    last().answer();
    await asked;
    last().alive(1);
    expect(last().told.at(-1)).toEqual(['cancel', 1]);
  });

  it('the daemon does not wait for readers, nor do questions', async () => {
    const { channel, ask, last } = makeChannel();
    const asked = ask();
    channel.close();
    expect(await asked).toContain('stopping');
    expect(await ask()).toContain('stopping');
    expect(last().killed).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
