import { type MemoNormaliseRule, memoNormaliseRules } from '../../api/memo.ts';

/**
 * Marks of sentences and quotes at the edges of words. Marks within words stay (`1.5`, `C#`, `-5`, `don't`), and so do brackets, which
 * give words weights in prompts: there they change what is meant.
 */
const marksAtEdges = /(?<=^|\s)["'“”‘’„«»]+|[.,;:!?…"'“”‘’«»]+(?=\s|$)/gu;

/** Words without influence on the meaning. Prepositions, negations and tenses have one: "left of", "without", "was". */
const functionWords = new Set(['a', 'an', 'the', 'is', 'are', 'please']);

/** A text without the differences that these rules name; unchanged if nothing would be left. */
export function normalised(text: string, rules: readonly MemoNormaliseRule[]): string {
  const whole = text.normalize('NFC');
  let result = rules.includes('case') ? whole.toLowerCase() : whole;
  if (rules.includes('punctuation')) result = result.replaceAll(marksAtEdges, '');
  if (rules.includes('space')) result = result.trim().replaceAll(/\s+/g, ' ');
  return result.trim() === '' ? whole : result;
}

/** The words of a text that carry its meaning, in their order: their order is part of it ("a knight fights a dragon"). */
export function contentWords(text: string): string {
  const words = normalised(text, memoNormaliseRules).split(' ');
  // Behind an article comes a noun: the last word is a name ("vitamin A").
  return words.filter((word, at) => at === words.length - 1 || !functionWords.has(word)).join(' ');
}
