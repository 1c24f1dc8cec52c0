/** A reporter of node:test beside the one on the screen: all that the runner hears, a JSON line each, to be searched. */
import { inspect } from 'node:util';

export interface ReportLine {
  readonly type: string;
  /** Of a test; of a file as it was given. */
  readonly name: string;
  readonly file: string;
  /** What was printed, or the error with all that hangs on it. */
  readonly text: string;
}

interface RunnerEvent {
  readonly type: string;
  readonly data?: {
    readonly name?: string;
    readonly file?: string;
    readonly message?: string;
    readonly details?: { readonly error?: unknown };
  };
}

export default async function* report(source: AsyncIterable<RunnerEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    const { name = '', file = '', message, details } = data ?? {};
    const error = details?.error;
    const text = message ?? (error === undefined ? '' : inspect(error, { depth: 20, maxStringLength: null }));
    yield `${JSON.stringify({ type, name, file, text } satisfies ReportLine)}\n`;
  }
}
