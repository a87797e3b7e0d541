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

/** Whose word on a content is taken; the setting says what each means. */
export const farmTrusts = ['members', 'published', 'twice'] as const;
export type FarmTrust = (typeof farmTrusts)[number];

/** What goes wrong in a farm, and what ends it: a closed list, the same word everywhere. */
export type FarmTrouble = 'PEER_WRONG_BYTES' | 'PEER_LOST' | 'DIRECTORY_LOST' | 'DIRECTORY_BACK';
