import { readExtraPaths } from '../../src/comfyui/extra-paths.ts';
import { compileGlob } from '../../src/core/glob.ts';
import { escaped, escapedJson, plain } from '../../src/core/printable.ts';
import { readDocument } from '../../src/workflow/read-document.ts';
import { cpuTimeOf } from '../helpers/cpu-time.ts';
import { type Attack, combined, type Target } from './table.ts';

/** Nothing outside the roots is copied or handed out, whatever a path looks like. */
export function paths(): Attack[] {
  const ways = [
    '/etc/passwd',
    '/etc/shadow',
    '/proc/self/environ',
    '/dev/zero',
    '/dev/stdin',
    '/',
    '//',
    '/ROOT/../etc/passwd',
    '/ROOT/a/../../../etc/passwd',
    '/ROOT/./../../etc/passwd',
    '/ROOT/%2e%2e/etc/passwd',
    '/ROOT/..\\..\\etc\\passwd',
    '/ROOT\u0000/etc/passwd',
    '/ROOT/\u202e/a',
    '/ROOT/\ud800',
    '/ROOT/a\n/b',
    'etc/passwd',
    '../etc/passwd',
    '~/.ssh/id_rsa',
    'file:///etc/passwd',
    'http://169.254.169.254/latest',
    '\\\\evil\\share\\a.safetensors',
    '\\\\?\\C:\\Windows\\win.ini',
    'C:\\Windows\\win.ini',
    'CON',
    '/ROOT/NUL',
    `/ROOT/${'a'.repeat(300)}`,
    `/ROOT/${'a/'.repeat(5000)}b`,
    `/${'../'.repeat(500)}etc/passwd`,
  ];
  const bodies: [string, (path: string) => [string, object]][] = [
    ['lookup', (path) => ['/api/lookup', { path }]],
    ['lookup with a stat', (path) => ['/api/lookup', { path, size: 1000, mtimeNs: '1' }]],
    ['lookup by name', (path) => ['/api/lookup', { category: 'loras', name: path }]],
    ['lookup by category', (path) => ['/api/lookup', { category: path, name: 'a' }]],
    ['warm', (path) => ['/api/cache/warm', { paths: [path], wait: true }]],
    ['evict', (path) => ['/api/cache/evict', { paths: [path] }]],
    ['pin below', (path) => ['/api/cache/pin', { below: [path] }]],
  ];
  return combined(ways, bodies).map(([path, [what, make]]) => ({
    kind: 'path',
    input: `${what} ${JSON.stringify(path).slice(0, 80)}`,
    run: async (target) => {
      const [url, body] = make(path.replace('/ROOT', '/nowhere'));
      const headers = { 'content-type': 'application/json' };
      const { status, text } = await target.send({
        method: 'POST',
        url,
        headers,
        body: JSON.stringify(body),
        authorised: true,
      });
      if (status === 500) return 'an error that nobody foresaw';
      if (/root:x:|"tier":"(ssd|ram)"/.test(text)) return 'something outside is given';
      return /"(HIT|QUEUED|COPYING|HIT_OFFLINE)"/.test(text) ? 'a copy is made' : null;
    },
  }));
}

/** Bodies that are not what they should be. */
export function shapes(): Attack[] {
  const values = [
    'null',
    '[]',
    '5',
    '"a"',
    'true',
    '{',
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '{"path":5}',
    '{"path":{"$gt":""}}',
    '{"path":["/a"]}',
    '{"paths":"/a"}',
    '{"ids":[1e999]}',
    '{"ids":[-1,1.5]}',
    '{"waitMs":-1,"path":"/a"}',
    '{"waitMs":1e308,"path":5}',
    '{"limit":"9".repeat(9)}',
    `{"a":${'['.repeat(100_000)}`,
    `{"path":"${'a'.repeat(40_000)}"}`,
    '\ufeff{}x',
  ];
  const urls = [
    '/api/lookup',
    '/api/cache/warm',
    '/api/cache/pin',
    '/api/cache/clear',
    '/api/cache/config',
    '/api/roots',
    '/api/leases',
  ];
  return combined(values, urls).map(([body, url]) => ({
    kind: 'shape',
    input: `${url} ${body.slice(0, 60)}`,
    run: async (target) => {
      const headers = { 'content-type': 'application/json' };
      const { status } = await target.send({ method: 'POST', url, headers, body, authorised: true });
      if (({} as { admin?: boolean }).admin) return 'the prototype of all objects is changed';
      return status >= 500 ? `status ${status}` : null;
    },
  }));
}

function isSoon(target: Target, work: () => unknown): string | null {
  let unforeseen: unknown = null;
  const took = cpuTimeOf(() => {
    try {
      work();
    } catch (error) {
      if (!(error as { code?: string }).code) unforeseen = error;
    }
  });
  if (unforeseen) return `an error that nobody foresaw: ${unforeseen}`;
  return took < target.soonMs ? null : `it takes ${Math.round(took)} ms`;
}

/** Patterns that hang matchers. */
export function patterns(): Attack[] {
  const pieces = [
    '*a',
    'a*',
    '**/',
    '*?',
    '?*',
    '[a-z]*',
    '*[!b]',
    '{a,b}',
    '{a*,*b}',
    '(a+)+',
    '(a|a)*',
    '+(a)',
    '!(a)',
    '*(a)',
    '[',
    '{',
    '\\',
    '**a',
    'a**',
  ];
  const times = [1, 10, 60, 200];
  const texts = ['a'.repeat(255), 'a/'.repeat(1000), `${'ab'.repeat(100)}c`];
  return combined(combined(pieces, times), texts).map(([[piece, count], text]) => ({
    kind: 'pattern',
    input: `${piece} x ${count} on ${text.slice(0, 4)}`,
    run: (target) =>
      isSoon(target, () => {
        const matches = compileGlob(`${piece.repeat(count)}z`, { ignoreCase: false, backslash: false });
        for (let again = 0; again < 10; again += 1) matches(text);
      }),
  }));
}

/** Names that steer terminals. */
export function names(): Attack[] {
  const codes = [...Array(32).keys(), 0x7f, ...Array.from({ length: 32 }, (_, at) => 0x80 + at), 0x61c, 0x200e, 0x200f];
  const turns = [0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0xfeff];
  return [...codes, ...turns].map((code) => ({
    kind: 'name',
    input: `U+${code.toString(16)}`,
    run: () => {
      const character = String.fromCharCode(code);
      const name = `a${character}[31mb`;
      const json = escapedJson(JSON.stringify({ name }));
      if (plain(name).includes(character) || escaped(name).includes(character) || json.includes(character))
        return 'it comes through';
      return (JSON.parse(json) as { name: string }).name === name ? null : 'JSON means something else';
    },
  }));
}

/** Documents that make ever more of themselves. */
export function documents(): Attack[] {
  const open = ['[', '{"a":', '"\\"', '{"nodes":[', '\\u0000', 'NaN,', '-Infinity ', '"', '\\'];
  const yaml = ['[', '{a: ', '- ', '? ', '&a [*a, ', '!!binary ', '"${', '<<: ', '*a, ', '|\n ', '%TAG ! x\n', '# '];
  const sizes = [10, 1000, 30_000];
  const surroundings = { home: '/h', environment: {}, platform: 'linux' as const };
  return [
    ...combined(open, sizes).map(([piece, count]) => ({
      kind: 'document',
      input: `${piece} x ${count}`,
      run: (target: Target) => isSoon(target, () => readDocument(`{"prompt": NaN, "x": ${piece.repeat(count)}`)),
    })),
    ...combined(yaml, sizes).map(([piece, count]) => ({
      kind: 'yaml',
      input: `${piece} x ${count}`,
      run: (target: Target) =>
        isSoon(target, () => readExtraPaths(`comfyui:\n  loras: ${piece.repeat(count)}\n`, '/c/x.yaml', surroundings)),
    })),
  ];
}
