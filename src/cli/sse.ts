import type { DaemonEvent } from '../api/event-text.ts';

/** Server-sent events out of text that arrives in pieces of any size. Comments (`: …`, the daemon's sign of life) are skipped. */
export async function* readEvents<Event = DaemonEvent>(chunks: AsyncIterable<string>): AsyncGenerator<Event> {
  let rest = '';
  for await (const chunk of chunks) {
    const blocks = (rest + chunk).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parseBlock<Event>(block);
      if (event) yield event;
    }
  }
}

function parseBlock<Event>(block: string): Event | null {
  const fields = block.split('\n').map((line) => /^(event|data): ?(.*)$/.exec(line));
  const valuesOf = (name: string) => fields.filter((field) => field?.[1] === name).map((field) => field?.[2]);
  const name = valuesOf('event').at(-1);
  const data = valuesOf('data');
  if (name === undefined || data.length === 0) return null;
  return { name, data: JSON.parse(data.join('\n')) } as Event;
}
