/** Bytes of models that a host has read from their origins, received from other hosts, and given to them. */
export interface FarmFigures {
  originBytes: number;
  receivedBytes: number;
  givenBytes: number;
}

/** Answers of the directory to hosts that wanted to read from an origin. */
export const claimOutcomes = ['claimed', 'none', 'full'] as const;
export type ClaimOutcome = (typeof claimOutcomes)[number];
export type ClaimCounts = Record<ClaimOutcome, number>;

/** Ways in which a request to another host ended without its chunks. */
export const peerErrors = ['silent', 'lied', 'refused', 'gone'] as const;
export type PeerError = (typeof peerErrors)[number];
export type PeerErrorCounts = Record<PeerError, number>;

/** The hosts whose statements about a content are believed; the setting explains each word. */
export const farmTrusts = ['members', 'published', 'twice'] as const;
export type FarmTrust = (typeof farmTrusts)[number];

/** Faults of a farm, and their ends: a closed list, the same word everywhere. */
export type FarmTrouble = 'PEER_WRONG_BYTES' | 'PEER_LOST' | 'SAME_NAME' | 'DIRECTORY_LOST' | 'DIRECTORY_BACK';
