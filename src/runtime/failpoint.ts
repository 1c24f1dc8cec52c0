import type { Failpoint } from '../ports.ts';

/** `name:count` ends the process, as kill -9 would, at the count-th pass of a named point; for the fault tests. */
export function failpointFrom(setting: string | undefined, die: () => void): ((name: Failpoint) => void) | undefined {
  if (!setting) return undefined;
  const [wanted, count] = setting.split(':');
  let left = Number(count ?? 1);
  return (name) => {
    if (name === wanted && --left === 0) die();
  };
}
