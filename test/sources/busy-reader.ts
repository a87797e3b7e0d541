import type { Peer } from '../../src/runtime/peer.ts';
import type { StatAnswer } from '../../src/sources/driver.ts';
import type { Reader } from '../../src/sources/messages.ts';
import type { OpenReader } from '../../src/sources/rpc.ts';

/** A reader with a long queue: it answers questions about `answered` only, in the next turn of the loop. */
export function busyReader(answered: string): OpenReader {
  const file: StatAnswer = { is: 'file', size: 1, mtimeNs: 1n, ino: null };
  return ({ onHeard }) => {
    const never = () => new Promise<never>(() => {});
    const stat: Reader['stat'] = async (_ground, path) => {
      if (path !== answered) return never();
      await new Promise((resolve) => setImmediate(resolve));
      onHeard?.();
      return file;
    };
    const call = { stat, identify: never } as unknown as Peer<Reader>['call'];
    return { call, tell: { cancel() {} } as unknown as Peer<Reader>['tell'], kill() {} };
  };
}
