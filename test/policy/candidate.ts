import type { Candidate } from '../../src/policy/policy.ts';

/** A copy as a policy sees it; never used, unless the facts say so. */
export function candidateWith(facts: Partial<Candidate['entry']>, bytes: number): Candidate {
  const unused = { path: '/m/a', root: '/m', rel: 'a', category: null, uses: 0, lastUse: 0, votes: 0, votedAt: null };
  return { entry: { ...unused, fingerprint: { size: bytes, mtimeNs: '0', ino: null }, ...facts }, bytes };
}
