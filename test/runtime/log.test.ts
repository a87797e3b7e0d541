import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { adjustLog, createLog, isOpenAs } from '../../src/runtime/log.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const unopened = 2 ** 20;

test('a daemon starts whose output cannot be asked about, as on Windows: it is not taken for the log', () => {
  const file = join(tempDir(), 'daemon.log');
  writeFileSync(file, '');
  const fd = openSync(file, 'a');
  expect(isOpenAs(file, fd)).toBe(true);
  closeSync(fd);
  expect(isOpenAs(file, unopened)).toBe(false);
});

test('level and form of a log can change while it is written', () => {
  const lines: string[] = [];
  const out = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const log = createLog({ level: 'info', form: 'pretty' }, out);
  log.debug('not said');
  log.info({ path: '/a' }, 'copied');
  adjustLog(log, { level: 'debug', form: 'json' });
  log.debug('said');
  adjustLog(log, { level: 'silent', form: 'json' });
  log.error('not said');
  expect(lines).toEqual([
    expect.stringMatching(/^[\d:.]{12} info {2}copied path=\/a\n$/),
    expect.stringMatching(/^\{.*"msg":"said"\}\n$/),
  ]);
});
