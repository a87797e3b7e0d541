import { join, relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, most of it in other programs: begun last, it would run on when the processors have nothing else to do. */
const longest = [
  'http/reference/schemathesis',
  'outage/outage',
  'e2e/dashboard',
  'clients/python',
  'e2e/package',
  'comfyui/shim',
  'e2e/upgrade',
  'sources/remote/versitygw',
  'e2e/installed',
  'redis/link',
  'e2e/dashboard-reading',
  'memo/exec',
  'comfyui/around-copy',
  'sources/remote/faults',
  'jobs/resume',
  'outage/cache-disk',
  'compose/lowered-limit',
  'e2e/take-over',
  'e2e/floor',
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
