/** Content in memory: in one piece, or in several that lie apart. */
export type Pieces = Uint8Array[];

/** Copies the pieces one behind the other. */
export function join(pieces: Pieces, target: Uint8Array): void {
  let at = 0;
  for (const piece of pieces) {
    target.set(piece, at);
    at += piece.length;
  }
}

interface Step {
  /** The first element, and how many. */
  begin: number;
  count: number;
  /** Where that element lies in each of the planes. */
  addresses: number[];
}

/** Walks through planes of one length and, at every element where one of them has a cut, goes on with a new step. */
export function* inStep(planes: readonly Pieces[]): Generator<Step> {
  const rests = planes.map((pieces) => pieces.filter(({ length }) => length > 0));
  for (let begin = 0; ; ) {
    const count = Math.min(...rests.map(([head]) => head?.length ?? 0));
    if (count === 0) return;
    yield { begin, count, addresses: rests.map(([head]) => head?.byteOffset ?? 0) };
    begin += count;
    for (const rest of rests) {
      const [head] = rest;
      if (head?.length === count) rest.shift();
      else if (head) rest[0] = head.subarray(count);
    }
  }
}
