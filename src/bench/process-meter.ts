/** A process measured from outside, by what Linux says of it in /proc (proc(5)). */
import { readFileSync, writeFileSync } from 'node:fs';
import { MillraceError } from '../errors.ts';

/** Clock ticks a second of /proc/PID/stat; Linux has had 100 for decades. */
const TICKS = 100;

export class ProcessMeter {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** User and system CPU of all threads so far, in milliseconds, in steps of 10. */
  cpuMs(): number {
    // The command's name stands in parentheses and may hold spaces.
    const fields = this.#read('stat').split(') ').at(-1)?.split(' ') ?? [];
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
  }

  /** The highest resident memory since the start, or since `resetPeak`, in MB of 2^20 bytes. */
  peakRssMb(): number {
    return Number(/VmHWM:\s+(\d+)/.exec(this.#read('status'))?.[1]) / 1024;
  }

  /** From now on the peak counts anew. */
  resetPeak(): void {
    writeFileSync(`/proc/${this.#pid}/clear_refs`, '5');
  }

  #read(name: string): string {
    try {
      return readFileSync(`/proc/${this.#pid}/${name}`, 'utf8');
    } catch (error) {
      throw new MillraceError('internal', `process ${this.#pid}, which is being measured, has ended`, { cause: error });
    }
  }
}
