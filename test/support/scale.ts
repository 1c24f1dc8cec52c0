/** MILLRACE_TEST_SCALE=full (`npm run test:scale`): the sizes that are promised; else sizes for every commit. */
export const FULL_SCALE = process.env['MILLRACE_TEST_SCALE'] === 'full';
