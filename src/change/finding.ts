/** What somebody who asks before a start is told of one thing. */
export interface Finding {
  /** `obstacle`: the connector could not run. `create`: is not there, and a start would make it. */
  readonly level: 'ok' | 'create' | 'warning' | 'obstacle';
  readonly text: string;
  /** A statement or command to copy: what a start would do, or what removes the obstacle. */
  readonly statement?: string;
}

/** What a diagnosis is about; of two that are equally bad, the one whose area stands first is said first. */
export const AREAS = [
  'configuration',
  'database',
  'kafka',
  'server',
  'rights',
  'position',
  'slot',
  'publication',
  'table',
  'topic',
  'transaction',
  'lease',
  'clock',
] as const;

/** What somebody whose connector does not deliver is told of one thing. */
export interface Diagnosis {
  /** `broken`: keeps events from arriving. `unknown`: could not be looked at. */
  readonly level: 'broken' | 'warning' | 'unknown' | 'ok';
  readonly area: (typeof AREAS)[number];
  readonly text: string;
  /** What it means for delivery. */
  readonly means?: string;
  /** A statement or command to copy, or what to do in words. */
  readonly remedy?: string;
}
