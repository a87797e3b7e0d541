import { type Choice, type Chunk, dataOf, eventOf, eventsIn, isUsage, readChunks } from './chunks.ts';
import { merge } from './merge.ts';
import type { Question } from './question.ts';

type Form = Pick<Question, 'of' | 'isStream' | 'wantsUsage'>;

/**
 * A kept answer in the requested form. In the same form it passes as the server wrote it.
 * @param isStream whether it was kept as a stream
 * @returns null when that is impossible because the kept answer has no usage
 */
export function retell(text: string, isStream: boolean, asked: Form): string | null {
  if (isStream) return asked.isStream ? streamOfStream(text, asked.wantsUsage) : wholeOfStream(text, asked.of);
  return asked.isStream ? streamOfWhole(text, asked) : text;
}

/** Clients that did not ask for usage do not expect a chunk without choices. */
function streamOfStream(text: string, wantsUsage: boolean): string | null {
  const hasUsage = readChunks(text)?.chunks.some(isUsage) ?? false;
  if (hasUsage === wantsUsage) return text;
  if (wantsUsage) return null;
  const left = eventsIn(text).filter((event) => !isUsageEvent(event));
  return left.map((event) => `${event}\n\n`).join('');
}

function isUsageEvent(event: string): boolean {
  const data = dataOf(event);
  return data !== '' && data !== '[DONE]' && isUsage(JSON.parse(data) as Chunk);
}

function wholeOfStream(text: string, of: Form['of']): string | null {
  const { chunks = [] } = readChunks(text) ?? {};
  const usage = chunks.find(isUsage)?.usage;
  const [first] = chunks;
  if (!first || usage === undefined) return null;
  const isChat = of === 'chat/completions';
  const choices = new Map<number, Choice>();
  for (const choice of chunks.flatMap(({ choices: some = [] }) => some)) {
    const { index = 0, delta, text: more, logprobs, finish_reason: end } = choice;
    const whole = choices.get(index) ?? {
      index,
      ...(isChat ? { message: { role: 'assistant', content: null } } : { text: '' }),
    };
    if (isChat) whole.message = merge(whole.message ?? {}, delta ?? {});
    else whole.text = `${whole.text}${more ?? ''}`;
    if (logprobs) whole['logprobs'] = merge((whole['logprobs'] as object | null) ?? {}, logprobs as object);
    choices.set(index, { ...whole, logprobs: whole['logprobs'] ?? null, finish_reason: end ?? whole.finish_reason ?? null });
  }
  const object = isChat ? 'chat.completion' : 'text_completion';
  return JSON.stringify({ ...first, object, choices: [...choices.values()], usage });
}

function streamOfWhole(text: string, { of, wantsUsage }: Form): string | null {
  const { choices = [], usage, ...about } = JSON.parse(text) as Chunk;
  if (wantsUsage && !usage) return null;
  const isChat = of === 'chat/completions';
  const base = { ...about, object: isChat ? 'chat.completion.chunk' : 'text_completion' };
  const chunks = choices.flatMap((choice): Chunk[] => {
    if (!isChat) return [{ ...base, choices: [choice] }];
    const { index, message, logprobs = null, finish_reason: end = null } = choice;
    const one = { index: index ?? 0, delta: deltaOf(message ?? {}), logprobs, finish_reason: null };
    const last = { index: index ?? 0, delta: {}, logprobs: null, finish_reason: end };
    return [one, last].map((part) => ({ ...base, choices: [part] }));
  });
  const cost = wantsUsage ? [{ ...base, choices: [], usage }] : [];
  return [...chunks, ...cost, '[DONE]'].map(eventOf).join('');
}

/** The parts of a stream number their calls of tools. */
function deltaOf(message: Record<string, unknown>): Record<string, unknown> {
  const said = Object.entries(message).filter(([, value]) => value !== null);
  return Object.fromEntries(
    said.map(([name, value]) => [
      name,
      name === 'tool_calls' && Array.isArray(value) ? value.map((call: object, index) => ({ index, ...call })) : value,
    ]),
  );
}
