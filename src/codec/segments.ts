/** Content in memory: one piece, or several separate ones. */
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
  /** The first element and the number of elements. */
  begin: number;
  count: number;
  /** The address of that element in each of the planes. */
  addresses: number[];
}

/** Walks through planes of one length. A new step begins wherever one of them has a cut. */
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
