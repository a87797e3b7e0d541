import { lockDirectory } from '../../src/catalog/lock.ts';

/** Run as a separate process: takes the lock of the given directory, reports it, and holds it until the process is ended. */
lockDirectory(process.argv[2] ?? '', 'cache directory');
process.stdout.write('held\n');
setInterval(() => {}, 60_000);
