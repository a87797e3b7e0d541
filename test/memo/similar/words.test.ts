import { expect, test } from 'vitest';
import { contentWords, normalised } from '../../../src/memo/similar/words.ts';

const all = ['case', 'space', 'punctuation'] as const;

test.each([
  ['  What is  the capital of France? ', 'what is the capital of france'],
  ['“Hello,” she said…', 'hello she said'],
  ['Line one\nline two\t!', 'line one line two'],
])('%j is %j', (text, expected) => {
  expect(normalised(text, all)).toBe(expected);
  expect(normalised(expected, all)).toBe(expected);
});

test.each([
  ['1.5', '15'],
  ['-5', '5'],
  ['C#', 'C'],
  ["can't", 'cant'],
  ['(red:1.2) car', 'red 1.2 car'],
  ['a b', 'ab'],
  ['left of', 'right of'],
  ['?', '!'],
])('%j is not %j', (one, other) => {
  expect(normalised(one, all)).not.toBe(normalised(other, all));
});

test('only what is named may differ', () => {
  expect(normalised('Two  Words.', [])).toBe('Two  Words.');
  expect(normalised('Two  Words.', ['case'])).toBe('two  words.');
  expect(normalised('Two  Words.', ['space'])).toBe('Two Words.');
  expect(normalised('Two  Words.', ['punctuation'])).toBe('Two  Words');
});

test('equal characters written in two ways are equal', () => {
  expect(normalised('cafe\u0301', [])).toBe(normalised('caf\u00e9', []));
});

test('the words that carry meaning keep their order', () => {
  expect(contentWords('Please, what is the tallest building?')).toBe(contentWords('what tallest building'));
  expect(contentWords('a knight fighting a dragon')).not.toBe(contentWords('a dragon fighting a knight'));
  expect(contentWords('a man with glasses')).not.toBe(contentWords('a man without glasses'));
  expect(contentWords('who is the king')).not.toBe(contentWords('who was the king'));
  expect(contentWords('what is vitamin A?')).not.toBe(contentWords('what is vitamin?'));
  expect(contentWords('the a')).not.toBe(contentWords('please'));
});
