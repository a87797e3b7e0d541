import { describe, expect, test } from 'vitest';
import { isFinished } from '../../src/llm/finished.ts';
import { answerOf, eventsOf } from '../helpers/openai-server.ts';

const words = 'Un été — 夏 ends';
const stream = eventsOf(words, 'stop', true).join('');
const chat = { of: 'chat/completions', count: 1 } as const;

describe('an answer that was cut is never taken for whole', () => {
  test.each([
    ['a stream', stream, true],
    ['a stream with lines as on Windows', stream.replaceAll('\n', '\r\n'), true],
    ['a whole answer', JSON.stringify(answerOf(words)), false],
  ])('%s, after whichever byte', (_what, text, isStream) => {
    const bytes = Buffer.from(text);
    expect(isFinished(bytes, isStream, chat)).toBe(true);
    const whole = Array.from(bytes.keys()).filter((length) => isFinished(bytes.subarray(0, length), isStream, chat));
    expect(whole).toEqual([]);
  });
});
