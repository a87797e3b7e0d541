import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { posixDriver } from '../../../src/sources/drivers/posix/posix-driver.ts';
import { heal, injectFault, systemError } from '../../helpers/faulty-fs.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { driverContract } from '../driver.contract.ts';
import type { Breakdown, Subject } from '../subject.ts';
import { filesIn } from './files-in.ts';

vi.mock('node:fs', async (original) => (await import('../../helpers/faulty-fs.ts')).faultyFs(await original()));
vi.mock('node:fs/promises', async (original) =>
  (await import('../../helpers/faulty-fs.ts')).faultyFsPromises(await original()),
);

const errnos = { away: 'ENOTCONN', denied: 'EACCES', io: 'EIO' };
const touching = ['statSync', 'openSync', 'fstatSync', 'opendirSync', 'readdir', 'read'];

function onLocalDisk(): Subject {
  const root = join(tempDir(), 'models');
  mkdirSync(root);
  return {
    driver: posixDriver({ root, network: false }),
    root,
    ...filesIn(root),
    vanish(how) {
      renameSync(root, `${root}.was`);
      if (how === 'empty') mkdirSync(root);
    },
    breakDown(how: Breakdown, rel = '') {
      const isBelow = (target: unknown) => typeof target === 'number' || `${target}/`.startsWith(`${join(root, rel)}/`);
      let answer = () => {};
      const answered = new Promise<void>((resolve) => {
        answer = resolve;
      });
      const fault = injectFault('any', {
        when: ([target], call) => (how === 'hang' ? call === 'read' : touching.includes(call)) && isBelow(target),
        act(real) {
          if (how === 'hang') return answered.then(real);
          throw systemError(errnos[how]);
        },
      });
      return {
        fired: () => fault.fired > 0,
        heal() {
          heal(fault);
          answer();
        },
      };
    },
  };
}

driverContract('a local disk', onLocalDisk);
