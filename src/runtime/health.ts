/** The bodies of /health/ready and /status. */
import type { ConnectorStatus } from './status.ts';

/** Ready is every connector that works or stands by; one that is stalled does neither. */
export function healthOf(statuses: ReadonlyMap<string, ConnectorStatus>): {
  readonly isReady: boolean;
  readonly body: object;
} {
  const all = Array.from(statuses, ([name, status]) => ({ name, ...status.snapshot() }));
  const stalled = all.filter(({ stalledMs }) => stalledMs !== null).map(({ name }) => name);
  const isReady = stalled.length === 0 && all.every(({ state }) => state === 'running' || state === 'standby');
  const connectors = Object.fromEntries(all.map(({ name, state }) => [name, state]));
  const body = { status: isReady ? 'ready' : 'not ready', connectors, ...(stalled.length > 0 ? { stalled } : {}) };
  return { isReady, body };
}

/** Where each connector stands, for people and scripts. Times are ISO 8601; null is what is not known. */
export function statusPage(statuses: ReadonlyMap<string, ConnectorStatus>): object {
  const pages = Array.from(statuses, ([name, status]) => {
    const { since, stalledMs, logReadAt, lastCommitAt, lastSourceCommitAt, lastError, retainedBytes, ...rest } =
      status.snapshot();
    const page = {
      state: rest.state,
      since: time(since),
      stalledSeconds: stalledMs === null ? null : Math.round(stalledMs / 1000),
      position: rest.position,
      logEnd: rest.logEnd,
      lagSeconds: rest.lagSeconds,
      lagBytes: rest.lagBytes,
      retainedWalBytes: retainedBytes,
      logReadAt: time(logReadAt),
      lastCommitAt: time(lastCommitAt),
      lastSourceCommitAt: time(lastSourceCommitAt),
      lastError: lastError === null ? null : { ...lastError, at: time(lastError.at) },
    };
    return [name, page] as const;
  });
  return { connectors: Object.fromEntries(pages) };
}

const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
