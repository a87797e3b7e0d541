import { rmdirSync } from 'node:fs';
import { posixDriver } from '../../../src/sources/drivers/posix/posix-driver.ts';
import { createFaultyMount, noFaultyMount } from '../../helpers/hanging-mount.ts';
import { driverContract } from '../driver.contract.ts';
import type { Subject } from '../subject.ts';
import { filesIn } from './files-in.ts';

/** ESTALE, EACCES, EIO. */
const errnos = { away: 116, denied: 13, io: 5 };

async function behindMount(): Promise<Subject> {
  const mount = await createFaultyMount();
  return {
    driver: posixDriver({ root: mount.path, network: true, stableInodes: false }),
    root: mount.path,
    ...filesIn(mount.source),
    async vanish(how) {
      await mount.unmount();
      if (how === 'gone') rmdirSync(mount.path);
    },
    breakDown(how, rel) {
      const before = mount.fired();
      mount.behave(how === 'hang' ? how : errnos[how], rel);
      return { fired: () => mount.fired() > before, heal: () => mount.behave('ok') };
    },
  };
}

driverContract('a mount of the network', behindMount, noFaultyMount);
