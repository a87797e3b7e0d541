/** Maximum number of chunks in a turn: a host reads them one after the other. */
const longestTurn = 8;
/** Number of turns of each host, if there are enough chunks. */
const turns = 4;

/**
 * The chunks of a host when all hosts that fetch a content take turns in the order of their names: without talking to each other, they read
 * different parts of the origin.
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
