import { MemoryDirectory } from '../../src/farm/memory-directory.ts';
import { directoryContract } from './directory.contract.ts';

directoryContract('the directory in memory', async () => {
  let now = 0;
  const directory = new MemoryDirectory(() => now);
  return {
    directory,
    later: async (ms) => {
      now += ms;
    },
    flush: async () => directory.flush(),
  };
});
