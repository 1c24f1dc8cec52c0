/** A process edge for commands that are called as functions: what they print is kept. */
import type { Edge, Output } from '../../src/cli/edge.ts';
import { keepText } from './output.ts';

export interface TestEdge extends Edge {
  /** Standard output so far. */
  readonly text: () => string;
  /** Standard error so far. */
  readonly errors: () => string;
}

export function edgeFor(
  args: readonly string[],
  {
    env = {},
    terminal = false,
    answer,
  }: { readonly env?: Edge['env']; readonly terminal?: boolean; readonly answer?: string } = {},
): TestEdge {
  let [out, err] = ['', ''];
  const output = (add: (text: string) => void): Output => ({ isTerminal: terminal, columns: () => 80, write: add });
  return {
    args,
    env,
    platform: { node: '24.0.0', platform: 'linux-x64' },
    signal: new AbortController().signal,
    stdout: output((text) => (out += keepText(text, 'edge'))),
    stderr: output((text) => (err += keepText(text, 'edge'))),
    ask:
      answer === undefined
        ? null
        : async (question) => {
            out += `${question}${answer}\n`;
            return answer;
          },
    die: () => {},
    onExit: () => {},
    text: () => out,
    errors: () => err,
  };
}
