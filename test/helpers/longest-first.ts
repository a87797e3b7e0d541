import { join, relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, most of it in other programs: begun last, it would run on when the processors have nothing else to do. */
const longest = [
  'outage/outage',
  'clients/python',
  'comfyui/shim',
  'redis/link',
  'e2e/installed',
  'comfyui/around-copy',
  'e2e/dashboard',
  'outage/cache-disk',
].map((name) => join('test', `${name}.test.ts`));

/** The longest files first, then Vitest's own order: by earlier runs, and by size where there was none. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.indexOf(relative(this.ctx.config.root, moduleId));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
