/** Whether the tests with the tag `slow` run, and the others as often as they can: `SLOW_TESTS=1 npm test`. */
export const slowTests: boolean = process.env['SLOW_TESTS'] !== undefined;
