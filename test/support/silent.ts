/** For tests that look at neither metrics nor progress. */
import type { Metrics, Progress } from '../../src/ports.ts';

export const noMetrics: Metrics = { count: () => {}, gauge: () => {}, observe: () => {} };
export const noProgress: Progress = {
  standby: () => {},
  logRead: () => {},
  delivered: () => {},
  streaming: () => {},
  received: () => {},
  committing: () => {},
  sent: () => {},
  committed: () => {},
};
