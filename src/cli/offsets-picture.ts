/** What `millrace offsets show` prints of one connector; pure. */
import type { ConnectorConfig } from '../config/connector.ts';
import { MillraceError } from '../errors.ts';
import { type OffsetsView, lagBytes } from '../runtime/offsets.ts';
import type { Colours } from './colour.ts';

interface Shown {
  readonly config: ConnectorConfig;
  readonly view: OffsetsView;
}

export function offsetsInWords(shown: Shown, { strong, faint, warning }: Colours, nowMs: number): string {
  const rows: (readonly [string, string])[] = [
    ['position', positionIn(shown)],
    ...writtenIn(shown, nowMs),
    ...databaseIn(shown, warning),
  ];
  const lines = rows.map(([name, text]) => `  ${faint(name.padEnd(9))} ${text}`);
  return `${strong(`connector "${shown.config.name}"`)}\n${lines.join('\n')}\n`;
}

function positionIn({ config, view: { position, topicExists } }: Shown): string {
  if (!topicExists) return `none: topic "${config.values.offsetsTopic}" does not exist yet`;
  return position ?? 'none is stored';
}

function writtenIn({ view: { stored } }: Shown, nowMs: number): (readonly [string, string])[] {
  const { claim, claimAtMs, positionAtMs } = stored;
  const rows: (readonly [string, string])[] = [];
  if (positionAtMs !== null) rows.push(['written', timeIn(positionAtMs, nowMs)]);
  if (claim === null) return rows;
  const { host, version, number, timeline, system, database, intent, transactionalId } = claim;
  rows.push(['by', `claim ${number}: host ${host}, Millrace ${version}, transactional.id ${transactionalId}`]);
  if (claimAtMs !== null) rows.push(['claimed', timeIn(claimAtMs, nowMs)]);
  rows.push(['for', `database ${database}, system ${system}, time line ${timeline}, slot ${intent || 'none'}`]);
  return rows;
}

function databaseIn({ config, view }: Shown, warning: Colours['warning']): (readonly [string, string])[] {
  const { standing } = view;
  if (standing instanceof MillraceError) return [['database', warning(standing.message)]];
  const { slot, flush, leaseHolder } = standing;
  const behind = lagBytes(view);
  const lag =
    behind === null
      ? `not to be told; the server's log ends at ${flush}`
      : `${behind} bytes: the server's log ends at ${flush}`;
  return [
    ['lag', lag],
    [
      'slot',
      slot === null
        ? warning(`"${config.slotName}" does not exist`)
        : `${config.slotName}, confirmed ${slot.confirmed ?? 'nothing'}, wal_status ${slot.walStatus ?? 'unknown'}, ` +
          (slot.activePid === null ? 'not in use' : `in use by process ${slot.activePid}`),
    ],
    ['lease', leaseHolder === null ? 'free: no instance runs' : `held by ${leaseHolder}`],
  ];
}

function timeIn(atMs: number, nowMs: number): string {
  return `${new Date(atMs).toISOString()}, ${ageOf(nowMs - atMs)} ago`;
}

function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** The same for machines. Times are ISO 8601, byte counts numbers. */
export function offsetsJson({ config, view }: Shown): object {
  const { stored, standing } = view;
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  const behind = lagBytes(view);
  return {
    connector: config.name,
    offsetsTopic: config.values.offsetsTopic,
    position: stored.position,
    writtenAt: time(stored.positionAtMs),
    claim: stored.claim,
    claimedAt: time(stored.claimAtMs),
    database:
      standing instanceof MillraceError
        ? { reachable: false, problem: standing.message }
        : {
            reachable: true,
            system: standing.facts.system,
            timeline: standing.facts.timeline,
            flushLsn: standing.flush,
            lagBytes: behind === null ? null : Number(behind),
            slot:
              standing.slot === null
                ? null
                : {
                    name: config.slotName,
                    confirmedLsn: standing.slot.confirmed,
                    walStatus: standing.slot.walStatus,
                    activePid: standing.slot.activePid,
                  },
            leaseHolder: standing.leaseHolder,
          },
  };
}
