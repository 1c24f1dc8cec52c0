/** What somebody who asks before a start is told of one thing. */
export interface Finding {
  /** `obstacle`: the connector could not run. `create`: is not there, and a start would make it. */
  readonly level: 'ok' | 'create' | 'warning' | 'obstacle';
  readonly text: string;
  /** A statement or command to copy: what a start would do, or what removes the obstacle. */
  readonly statement?: string;
}
