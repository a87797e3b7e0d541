import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'autocached-codec-'));
const open: number[] = [];
let made = 0;

afterAll(() => {
  for (const fd of open) closeSync(fd);
  rmSync(directory, { recursive: true, force: true });
});

export interface TestFile {
  fd: number;
  path: string;
  bytes(): Buffer;
  /** Makes the file hold exactly these bytes. */
  put(bytes: Uint8Array): void;
}

/** An open file that goes away with the tests. */
export function testFile(content: Uint8Array = new Uint8Array()): TestFile {
  const path = join(directory, String(made++));
  const fd = openSync(path, 'w+');
  open.push(fd);
  const file: TestFile = {
    fd,
    path,
    bytes: () => readFileSync(path),
    put(bytes) {
      ftruncateSync(fd, bytes.length);
      writeSync(fd, bytes, 0, bytes.length, 0);
    },
  };
  file.put(content);
  return file;
}
