/** Whether `npm test` has built the program just before. What was built starts in a fraction of the processor time of its sources. */
export const isBuilt: boolean = process.env['npm_lifecycle_event'] === 'test';
