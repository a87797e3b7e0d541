import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { CacheError, troubleOf } from '../../core/errors.ts';
import { counted } from '../../core/format.ts';
import { clientOf, type Run } from '../session.ts';

export function addTrace(program: Command, run: Run): void {
  const trace = program.command('trace').description('the loads that the daemon has recorded, for simulations anywhere');
  trace
    .command('export')
    .description('write them as a trace, without names of files, folders or people')
    .argument('[file]', 'where to; gzip if it ends with .gz; the terminal if left out')
    .action(
      run(async (session, file?: string) => {
        const text = await (await clientOf(session)).trace();
        const loads = text.split('\n').length - 2;
        if (file === undefined) return { data: { loads, trace: text }, page: () => text.trimEnd() };
        const path = resolve(session.cwd, file);
        await writeFile(path, path.endsWith('.gz') ? gzipSync(text) : text).catch((error: unknown) => {
          throw new CacheError('BAD_REQUEST', `${path} cannot be written: ${troubleOf(error)}`);
        });
        return { data: { loads, file: path }, page: () => `${counted(loads, 'load')} in ${path}` };
      }),
    );
}
