import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { printAnswer, printError } from '../../src/cli/print.ts';
import { CacheError } from '../../src/core/errors.ts';
import { createLog } from '../../src/runtime/log.ts';

/** Names of files that somebody else has made. */
const hostileNames: [string, string][] = [
  ['a newline', 'a\nERROR the cache is empty'],
  ['a hint', 'a\n  hint: rm -rf models'],
  ['a carriage return', 'a\rb'],
  ['a colour', 'a\u001b[31mb'],
  ['a title of the window', 'a\u001b]0;owned\u0007b'],
  ['a link', 'a\u001b]8;;http://evil\u001b\\b'],
  ['C1', 'a\u009b2Jb\u009d0;x\u009c'],
  ['NUL, backspace, DEL', 'a\u0000\b\u007f'],
  ['a turn of direction', 'a\u202egpj.exe'],
  ['isolates', 'a\u2066b\u2069'],
  ['a line separator', 'a\u2028b\u2029'],
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
const steers = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

function screen() {
  const stream = new PassThrough();
  return { stream, text: () => String(stream.read() ?? '') };
}

describe.each(hostileNames)('%s in the name of a file', (_what, name) => {
  test('reaches neither log', () => {
    for (const form of ['pretty', 'json'] as const) {
      const out = screen();
      createLog({ level: 'info', form }, out.stream).info({ path: name, err: new Error(name) }, `copied ${name}`);
      const said = out.text().trimEnd();
      expect(said).not.toMatch(steers);
      expect(said).not.toContain('\n');
      if (form === 'json') expect(JSON.parse(said)).toMatchObject({ path: name, msg: `copied ${name}` });
    }
  });

  test('reaches no error of the command line, and means the same in JSON', () => {
    const [out, err] = [screen(), screen()];
    printError(new CacheError('NOT_FOUND', `${name} is not known`, { hint: `see ${name}` }), {
      out: out.stream,
      err: err.stream,
      json: false,
      named: (text) => text,
    });
    const said = err.text();
    expect(said).not.toMatch(steers);
    expect(said.trimEnd().split('\n')).toHaveLength(2);
    printAnswer(
      { data: { path: name }, page: () => '' },
      { out: out.stream, err: err.stream, json: true, named: (text) => text },
    );
    const json = out.text();
    expect(json).not.toMatch(steers);
    expect(JSON.parse(json)).toEqual({ path: name });
  });
});
