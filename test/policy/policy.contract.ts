import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { policies } from '../../src/policy/policies.ts';
import type { Candidate, Policy, PolicyContext } from '../../src/policy/policy.ts';
import { candidateWith } from './candidate.ts';

/** Logical time of the tests; a lookup a second for a year. */
const now = 31_000_000;

const candidate: fc.Arbitrary<Candidate> = fc
  .record({ uses: fc.nat(100_000), lastUse: fc.integer({ min: 1, max: now }), size: fc.nat(2 ** 40) })
  .map(({ uses, lastUse, size }) => candidateOf({ uses, lastUse: uses === 0 ? 0 : lastUse, size }));

function candidateOf({ uses, lastUse, size = 1000 }: { uses: number; lastUse: number; size?: number }): Candidate {
  // A second of the wall clock for each step of the logical one, and a vote for each use.
  const votedAt = lastUse === 0 ? null : lastUse * 1000;
  return candidateWith({ uses, lastUse, votes: uses, votedAt }, size);
}

function frozen({ entry, bytes }: Candidate): Candidate {
  return Object.freeze({ entry: Object.freeze({ ...entry, fingerprint: Object.freeze({ ...entry.fingerprint }) }), bytes });
}

const context: PolicyContext = { now: () => now * 1000, secondsPerByte: () => 1e-8 };

/** What every policy promises, whatever it finds valuable. */
export function policyContract(make: (context: PolicyContext) => Policy): void {
  const policy = make(context);

  describe(`the policy ${policy.name}`, () => {
    test('is found under its name', () => {
      expect(policies[policy.name as keyof typeof policies]).toBe(make);
    });

    test('says the same of the same, and leaves what it looks at as it is', () => {
      fc.assert(
        fc.property(candidate, fc.array(candidate, { maxLength: 5 }), (incoming, victims) => {
          const look = () => [
            policy.score(frozen(incoming), now),
            policy.admit(frozen(incoming), Object.freeze(victims.map(frozen)), now),
          ];
          expect(look()).toEqual(look());
        }),
      );
    });

    test('puts all files in one order: a worth is a number', () => {
      fc.assert(
        fc.property(candidate, fc.integer({ min: 0, max: now }), (file, tick) => {
          expect(Number.isFinite(policy.score(file, Math.max(tick, file.entry.lastUse)))).toBe(true);
        }),
      );
      expect(Number.isFinite(policy.score(candidateOf({ uses: 0, lastUse: 0, size: 0 }), 0))).toBe(true);
    });

    test('lets a file that nobody ever used leave before one that somebody did', () => {
      fc.assert(
        fc.property(candidate, fc.nat(2 ** 40), (used, size) => {
          fc.pre(used.entry.uses > 0);
          const unused = candidateOf({ uses: 0, lastUse: 0, size });
          expect(policy.score(unused, now)).toBeLessThan(policy.score(used, now));
        }),
      );
    });

    test('never lets a file leave earlier because it was used once more', () => {
      fc.assert(
        fc.property(candidate, (before) => {
          const { uses, fingerprint } = before.entry;
          const after = candidateOf({ uses: uses + 1, lastUse: now + 1, size: fingerprint.size });
          expect(policy.score(after, now + 1)).toBeGreaterThanOrEqual(policy.score(before, now + 1));
        }),
      );
    });

    test('of two files used equally often, lets the one leave that was used longer ago', () => {
      const times = fc.uniqueArray(fc.integer({ min: 1, max: now }), { minLength: 2, maxLength: 2 });
      fc.assert(
        fc.property(times, fc.integer({ min: 1, max: 100_000 }), ([one = 0, other = 0], uses) => {
          const [older, newer] = [Math.min(one, other), Math.max(one, other)].map((lastUse) => candidateOf({ uses, lastUse }));
          if (older && newer) expect(policy.score(older, now)).toBeLessThan(policy.score(newer, now));
        }),
      );
    });

    test('admits what needs nobody to leave', () => {
      fc.assert(fc.property(candidate, (incoming) => policy.admit(incoming, [], now)));
    });

    test('admits a file that is in use in place of files that nobody ever used', () => {
      const incoming = candidateOf({ uses: 10, lastUse: now });
      const unused = [1, 2, 3].map(() => candidateOf({ uses: 0, lastUse: 0, size: 300 }));
      expect(policy.admit(incoming, unused, now)).toBe(true);
    });
  });
}
