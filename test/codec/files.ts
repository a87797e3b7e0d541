import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onFileFinished } from '../helpers/file-finished.ts';

let directory: string | undefined;
let made = 0;

export interface TestFile {
  fd: number;
  path: string;
  bytes(): Buffer;
  /** Makes the file hold exactly these bytes. */
  put(bytes: Uint8Array): void;
}

/** An open file that goes away with the tests of the file that calls. */
export function testFile(content: Uint8Array = new Uint8Array()): TestFile {
  directory ??= directoryOfThisFile();
  const path = join(directory, String(made++));
  const fd = openSync(path, 'w+');
  onFileFinished(() => closeSync(fd));
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

function directoryOfThisFile(): string {
  const path = mkdtempSync(join(tmpdir(), 'autocached-codec-'));
  onFileFinished(() => {
    rmSync(path, { recursive: true, force: true });
    directory = undefined;
  });
  return path;
}
