/** One attack. `run` answers in words how it succeeded, or null when it was refused. */
export interface Attack {
  kind: string;
  input: string;
  run(target: Target): Promise<string | null> | string | null;
}

/** A running daemon as an attacker sees it, with what must not be learnt or happen. */
export interface Target {
  token: string;
  host: string;
  /** Sends one request as it is; `authorised` = with the token. */
  send(request: Sent): Promise<Answered>;
  /** The same over one connection after the daemon has proven itself on it. */
  afterProof(request: (session: { key: string; nonce: string; proof: string }) => Sent): Promise<Answered>;
  /** Longest that one request, parse or match may take, ms. */
  soonMs: number;
}

export interface Sent {
  method?: string;
  url: string;
  headers?: Record<string, string | undefined>;
  body?: string;
  authorised?: boolean;
}

export interface Answered {
  status: number;
  text: string;
  headers: Record<string, unknown>;
}

/** Every kind: the whole table. */
export function wholeTable(kinds: readonly (() => Attack[])[]): Attack[] {
  return kinds.flatMap((attacks) => attacks());
}

/** Each combination of the given lists. */
export function combined<A, B>(as: readonly A[], bs: readonly B[]): [A, B][] {
  return as.flatMap((a) => bs.map((b): [A, B] => [a, b]));
}
