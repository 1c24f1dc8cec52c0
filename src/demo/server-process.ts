import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';

interface Started {
  readonly child: ChildProcess;
  /** What ends it at once without leaving children or shared memory behind. */
  readonly lastSignal: NodeJS.Signals;
}

const started = new Set<Started>();
const folders = new Set<string>();

/**
 * Starts a server in a process group of its own: Ctrl-C on the terminal reaches us alone, and we end our servers in
 * order. It ends with this process at the latest, unless that is killed with -9.
 */
export function spawnServer(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { readonly lastSignal: NodeJS.Signals },
): ChildProcess {
  const { lastSignal, ...rest } = options;
  endWithProcess();
  const child = spawn(command, args, { ...rest, detached: true });
  const entry = { child, lastSignal };
  started.add(entry);
  child.once('exit', () => started.delete(entry));
  child.once('error', () => started.delete(entry));
  return child;
}

/** A folder that goes with the servers. */
export function removeAtExit(folder: string): void {
  endWithProcess();
  folders.add(folder);
}

let hooked = false;

function endWithProcess(): void {
  if (!hooked) process.once('exit', endServers);
  hooked = true;
}

/** Ends whatever still runs, at once and synchronously. */
function endServers(): void {
  for (const { child, lastSignal } of started) child.kill(lastSignal);
  for (const folder of folders) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // A server that is just ending writes into it: it is in the folder for temporary files anyway.
    }
  }
}
