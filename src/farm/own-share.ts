/** Chunks that a host takes at a turn, at most: they are read one after the other. */
const longestTurn = 8;
/** So many turns each host has, where there are chunks enough. */
const turns = 4;

/**
 * The chunks that fall to a host when all that fetch a content take turns, in the order of their names: without a word they read different
 * parts of the origin.
 * @param wanted chunks  @param chunks of the whole content  @param peers hosts that are known to have some of it
 */
export function ownShare(
  wanted: readonly number[],
  { host, peers, chunks }: { host: string; peers: readonly string[]; chunks: number },
): number[] {
  const hosts = [host, ...peers].toSorted();
  const turn = Math.max(1, Math.min(longestTurn, Math.floor(chunks / (turns * hosts.length))));
  const own = hosts.indexOf(host);
  return wanted.filter((chunk) => Math.floor(chunk / turn) % hosts.length === own);
}
