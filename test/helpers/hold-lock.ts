import { lockDirectory } from '../../src/catalog/lock.ts';

/** Run as a process of its own: takes the lock of the directory it is given, says so, and holds it until it is ended. */
lockDirectory(process.argv[2] ?? '', 'cache directory');
process.stdout.write('held\n');
setInterval(() => {}, 60_000);
