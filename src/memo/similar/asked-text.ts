import { hash } from 'node:crypto';
import { type MemoNormaliseRule, type MemoSemantic, memoNormaliseRules } from '../../api/memo.ts';
import type { TextHashes } from './texts.ts';
import { contentWords, normalised } from './words.ts';

/** The part of a question that may be worded differently. */
export interface AskedText {
  text: string;
  /** SHA-256 of everything else that can change the result: only texts of one scope are compared. */
  scope: string;
}

/** The hashes of a text, which are compared without a server. */
export function hashesOf({ text, scope }: AskedText, semantic: MemoSemantic): TextHashes {
  const rules = rulesOf(semantic);
  return {
    scope,
    normal: hash('sha256', `${scope}\0${rules.join()}\0${normalised(text, rules)}`),
    words: hash('sha256', contentWords(text)),
  };
}

/** The differences that are ignored between texts, in one order. */
export function rulesOf({ mode, normalise }: MemoSemantic): readonly MemoNormaliseRule[] {
  const named = normalise ?? (mode === 'normalise' ? memoNormaliseRules : []);
  return memoNormaliseRules.filter((rule) => named.includes(rule));
}
