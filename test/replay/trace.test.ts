import { expect, test } from 'vitest';
import { parseArrivals, parseTrace } from '../../src/replay/trace.ts';

test('reads are taken by the names of the columns, host by host, without those that memory served', () => {
  const trace = parseTrace(
    'two',
    [
      'size,file,ts,node,tier,ram_hit,dtype',
      '10,a,1.5,n0,nas1g,0,BF16',
      '20,b,2,n1,hdd,0,F16',
      '10,a,3,n0,nas1g,1,BF16',
      '10,a,4,n1,nas1g,0,BF16',
      '',
    ].join('\r\n'),
  );
  const a = { file: 'a', size: 10, sourceSpeed: 110e6, dtype: 'bf16', category: null };
  expect(trace).toEqual({
    name: 'two',
    footprint: 30,
    hosts: [
      [{ ...a, at: 1.5 }],
      [
        { file: 'b', size: 20, sourceSpeed: 150e6, dtype: 'f16', category: null, at: 2 },
        { ...a, at: 4 },
      ],
    ],
  });
});

test('three columns are enough', () => {
  expect(parseTrace('small', 'ts,file,size\n0,a,10').hosts).toEqual([
    [{ at: 0, file: 'a', size: 10, sourceSpeed: 150e6, dtype: null, category: null }],
  ]);
});

test.each([
  ['another file', 'name,bytes\na,1', /no column "ts"/],
  ['nothing', '', /no column "ts"/],
  ['a size that is none', 'ts,file,size\n0,a,much', /line 2/],
  ['a line that is cut off', 'ts,file,size\n0,a,5\n1,a', /line 3/],
  ['a medium that nobody knows', 'ts,file,size,tier\n0,a,5,tape', /known tier/],
  ['a medium that only JavaScript knows', 'ts,file,size,tier\n0,a,5,constructor', /known tier/],
  ['a time that was left out', 'ts,file,size\n,a,5', /line 2/],
  ['a size that was left out', 'ts,file,size\n0,a,', /line 2/],
])('%s is refused, and said where', (_what, text, message) => {
  expect(() => parseTrace('t', text)).toThrow(
    expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringMatching(message) }),
  );
});

test('lines in any order are the same trace', () => {
  const lines = ['1,a,5,r1,1', '2,b,6,r1,1', '3,a,5,r2,2', '4,c,7,r2,2'];
  const traceOf = (ordered: string[]) => parseTrace('t', ['ts,file,size,run,submit_ts', ...ordered].join('\n'));
  expect(traceOf(lines.toReversed())).toEqual(traceOf(lines));
});

test('a kind is a category of ComfyUI, in the singular too', () => {
  const kinds = ['lora', 'loras', 'vae', 'mine', ''];
  const text = ['ts,file,size,kind', ...kinds.map((kind, k) => `${k},f${k},1,${kind}`)].join('\n');
  expect(parseTrace('kinds', text).hosts[0]?.map(({ category }) => category)).toEqual(['loras', 'loras', 'vae', 'mine', null]);
});

test('the files that appeared in a library are those with a birth, in their order', () => {
  const text = ['file,kind,size,tier,birth', 'old,lora,1,hdd,0.0', 'late,lora,2,nas1g,20', 'early,vae,3,hdd,10', ''].join('\n');
  expect(parseArrivals('made', text).map(({ file, at, size, sourceSpeed }) => [file, at, size, sourceSpeed])).toEqual([
    ['early', 10, 3, 150e6],
    ['late', 20, 2, 110e6],
  ]);
  expect(() => parseArrivals('made', 'file,size\na,1')).toThrow('no column "birth"');
  expect(() => parseArrivals('made', 'file,size,tier,birth\na,1,hdd,soon')).toThrow('line 2');
});
