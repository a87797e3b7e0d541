import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NodeClasses } from '../../src/workflow/node-classes.ts';
import { checkout, python } from '../helpers/real-comfyui.ts';
import { tempDir } from '../helpers/temp-dir.ts';

test.skipIf(!checkout)("the table of stock nodes has all of ComfyUI's own, and knows which are output nodes", () => {
  const script = join(import.meta.dirname, 'stock_nodes.py');
  const said = execFileSync(python, [script, checkout ?? '', tempDir()], { cwd: checkout, encoding: 'utf8' });
  const isOutput = JSON.parse(said.trim().split('\n').at(-1) ?? '') as Record<string, boolean>;
  const names = Object.keys(isOutput);
  const table = new NodeClasses(null);
  expect(names.length).toBeGreaterThan(500);
  expect(names.filter((name) => !table.isCore(name))).toEqual([]);
  expect(names.filter((name) => table.isOutput(name) !== isOutput[name])).toEqual([]);
});
