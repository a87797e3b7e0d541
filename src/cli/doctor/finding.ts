/** The result of one check. */
export interface Finding {
  check:
    | 'config'
    | 'daemon'
    | 'cache'
    | 'source'
    | 'comfyui'
    | 'fast-disk'
    | 'shim'
    | 'nodes'
    | 'llm'
    | 'remote'
    | 'farm'
    | 'shared';
  verdict: 'ok' | 'warn' | 'fail';
  says: string;
  /** The remedy; null when none is needed. */
  todo: string | null;
}

type Check = Finding['check'];

export function ok(check: Check, says: string): Finding {
  return { check, verdict: 'ok', says, todo: null };
}

/** Works, but less well than it could. */
export function warn(check: Check, says: string, todo: string): Finding {
  return { check, verdict: 'warn', says, todo };
}

/** Does not work. */
export function fail(check: Check, says: string, todo: string): Finding {
  return { check, verdict: 'fail', says, todo };
}
