/** The stored position beside the log's end, twice, a few seconds apart: does it move? Pure. */
import type { Claim } from '../../change/claim.ts';
import type { Diagnosis } from '../../change/finding.ts';
import type { Position } from '../../change/position.ts';
import { size } from './doctor-slot.ts';
import { parseLsn } from './lsn.ts';
import { parsePosition, positionInWords } from './position.ts';

/** What is seen at one moment. */
export interface PositionLook {
  readonly position: Position | null;
  readonly positionAtMs: number | null;
  readonly claim: Claim | null;
  readonly claimAtMs: number | null;
  /** Where the server's log ended; null: the database could not be asked. */
  readonly flush: string | null;
}

/** A running connector writes a position down every second while the log moves. */
const OLD_MS = 30_000;

export function judgePosition(of: {
  readonly first: PositionLook;
  readonly second: PositionLook;
  readonly watchMs: number;
  readonly nowMs: number;
  /** An instance holds the lease: then the position should move. */
  readonly isHeld: boolean;
  /** Of the database that was asked; null: it could not be. */
  readonly system: string | null;
}): Diagnosis[] {
  const { first, second, watchMs, nowMs, isHeld, system } = of;
  const out: Diagnosis[] = [...restarts(first, second, watchMs)];
  const { position } = second;
  if (position === null) return [...out, nothingStored(second)];
  const stored = parsePosition(position);
  const age =
    second.positionAtMs === null
      ? ''
      : `, written at ${new Date(second.positionAtMs).toISOString()} (${seconds(nowMs - second.positionAtMs)} s ago)`;
  const by =
    second.claim === null
      ? ''
      : ` by claim ${second.claim.number} of host ${second.claim.host}, Millrace ${second.claim.version}`;
  const text = `stored position ${positionInWords(position)}${age}${by}`;
  if (second.flush === null || (system !== null && system !== stored.system))
    return [...out, { level: 'ok', area: 'position', text }];
  const end = parseLsn(second.flush);
  const behind = end - parseLsn(stored.lsn);
  const before = first.position === null ? null : parsePosition(first.position);
  const moved = before !== null && (before.lsn !== stored.lsn || before.ordinal !== stored.ordinal);
  // Beyond the log's end is refused elsewhere.
  if (behind <= 0n || moved || watchMs === 0) {
    const lag =
      behind <= 0n ? 'at the end of the log' : `${size(Number(behind))} behind the end of the log at ${second.flush}`;
    const how = moved ? `; it moved within ${watchMs / 1000} s` : '';
    return [...out, { level: 'ok', area: 'position', text: `${text}: ${lag}${how}` }];
  }
  const ageMs = second.positionAtMs === null ? 0 : nowMs - second.positionAtMs;
  const grown = first.flush === null ? 0n : end - parseLsn(first.flush);
  const head = grown > 0n ? `, while the log grew by ${size(Number(grown))}` : '';
  const stuck = isHeld && ageMs > OLD_MS;
  return [
    ...out,
    {
      level: stuck ? 'broken' : 'warning',
      area: 'position',
      text: `${text} is ${size(Number(behind))} behind the end of the log (${second.flush}) and did not move within ${watchMs / 1000} s${head}`,
      means: isHeld
        ? 'an instance holds the lease and gets nothing into Kafka: it is stuck, is waiting, or has one large transaction under way'
        : 'these changes wait: nothing is lost while the slot keeps them',
      remedy: isHeld
        ? "see the instance's log and /metrics (millrace_queue_bytes); what else is found here is probably why"
        : 'start an instance: millrace run FILE',
    },
  ];
}

function nothingStored({ claim, claimAtMs }: PositionLook): Diagnosis {
  if (claim === null) {
    return {
      level: 'warning',
      area: 'position',
      text: 'no position is stored: the connector has never got as far as a first start',
      means: 'a start begins at the end of the log: what was committed before is not sent',
      remedy: 'millrace plan FILE says what a first start would do',
    };
  }
  const when = claimAtMs === null ? '' : ` at ${new Date(claimAtMs).toISOString()}`;
  return {
    level: 'warning',
    area: 'position',
    text: `no position is stored, though claim ${claim.number} was made${when} by host ${claim.host}: it was reset, or a first start did not get to its end`,
    means: 'the next start goes on at what the slot has confirmed, or makes a new one',
    remedy: 'see the log of that instance for what stopped it',
  };
}

/** Every run makes a claim: several within a moment are a connector that starts again and again, or two that fence each other. */
function restarts(first: PositionLook, second: PositionLook, watchMs: number): Diagnosis[] {
  const [from, to] = [first.claim?.number ?? 0, second.claim?.number ?? 0];
  if (to <= from || first.claim === null || second.claim === null) return [];
  const hosts =
    first.claim.host === second.claim.host
      ? `host ${second.claim.host}`
      : `hosts ${first.claim.host} and ${second.claim.host}`;
  return [
    {
      level: 'warning',
      area: 'position',
      text: `the connector was opened ${to - from} times within ${watchMs / 1000} s, by ${hosts}`,
      means: 'it fails and starts again, or two instances on different databases take it from each other',
      remedy: "look for the reason in the instances' logs: the lines with level error",
    },
  ];
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 1000));
}
