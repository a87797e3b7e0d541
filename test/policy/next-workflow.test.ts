import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NextWorkflow } from '../../src/policy/next-workflow.ts';

const minute = 60_000;

/** Runs these one after the other, a few minutes apart. */
function after(runs: string, next = new NextWorkflow(), from = 0) {
  const all = [...runs];
  for (const [k, id] of all.entries()) next.ran(id, from + k * 5 * minute);
  return { next, now: from + (all.length - 1) * 5 * minute };
}

test('who goes through the same three workflows is foreseen, with what speaks for it', () => {
  const { next, now } = after('abc'.repeat(30));
  const [first, ...others] = next.guesses(now);
  expect(first).toMatchObject({ id: 'a' });
  expect(first?.probability).toBeGreaterThan(0.8);
  expect(first?.reasons.length).toBeGreaterThan(0);
  expect(first?.reasons.map(({ name }) => name).join()).toMatch(/follow/);
  expect(others.map(({ id }) => id)).toEqual(['b']);
});

test('a run of the same workflow is no switch, and the one that runs is never foreseen', () => {
  const { next, now } = after('aaabbbbaab');
  expect(next.guesses(now).map(({ id }) => id)).toEqual(['a']);
});

test('a change of habits is noticed', () => {
  const { next, now } = after('ab'.repeat(20));
  const later = after('acbcad'.repeat(2) + 'ac'.repeat(40), next, now + minute);
  expect(later.next.guesses(later.now)[0]?.id).toBe('a');
  const [first] = after('c', later.next, later.now + minute).next.guesses(later.now + minute);
  expect(first?.id).toBe('a');
});

test('what was learned goes on after a restart', () => {
  const history = 'abcabdabcabd'.repeat(6);
  const { next, now } = after(history);
  const again = new NextWorkflow(next.numbers);
  for (const [k, id] of [...history].entries()) again.ran(id, k * 5 * minute, false);
  expect(again.numbers).toEqual(next.numbers);
  expect(again.guesses(now)).toEqual(next.guesses(now));
});

test('probabilities are shares of one whatever was run, and of 300 workflows the last 200 are kept in mind', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(12), { maxLength: 80 }), (runs) => {
      const { next, now } = after(runs.map((run) => String.fromCharCode(97 + run)).join(''));
      const guesses = next.guesses(now, 100);
      const sum = guesses.reduce((all, { probability }) => all + probability, 0);
      expect(guesses.every(({ probability }) => probability > 0)).toBe(true);
      if (guesses.length > 0) expect(sum).toBeCloseTo(1, 9);
      expect(next.numbers.shares.reduce((all, share) => all + share, 0)).toBeCloseTo(1, 9);
    }),
  );
  const many = new NextWorkflow();
  for (let k = 0; k < 300; k++) many.ran(`w${k}`, k * minute);
  expect(many.guesses(300 * minute, 1000)).toHaveLength(199);
});
