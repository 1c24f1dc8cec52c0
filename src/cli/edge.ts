/** What a command is given of the process; `main.ts` alone has the process itself. */
export interface Edge {
  /** After the command's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of Node, and such as `linux-x64`. */
  readonly platform: { readonly node: string; readonly platform: string };
  /** Aborts when the command is to end in good order. */
  readonly signal: AbortSignal;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Asks whoever sits at the terminal; null if nobody does. */
  readonly ask: ((question: string) => Promise<string>) | null;
  /** Ends the process as kill -9 would, for named failpoints. */
  readonly die: () => void;
  /** Runs something synchronous when the process ends, however it ends (kill -9 aside). */
  readonly onExit: (last: () => void) => void;
}

export interface Output {
  readonly isTerminal: boolean;
  /** Of the terminal as it is now; 80 if there is none. */
  readonly columns: () => number;
  readonly write: (text: string) => void;
}

/** Exit codes, as documented in --help. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;
