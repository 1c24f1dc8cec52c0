/** Every key of Debezium and Kafka Connect that is not ours: the one place that errors, log lines and the page read. */
import { CONNECT } from './connect-keys.ts';
import { DEBEZIUM } from './debezium-keys.ts';
import { EARLIER } from './earlier-keys.ts';
import { type Family, type Judgement, type KnownKey, type Value, fits, judge } from './known-key.ts';
import { MYSQL } from './mysql-keys.ts';
import { NEW_RECORD_STATE } from './new-record-state-keys.ts';
import { OUTBOX } from './outbox-keys.ts';
import { POSTGRES } from './postgres-keys.ts';
import { PRODUCER } from './producer-keys.ts';

/** Of a connector; in the order in which they are looked up. */
export const CONNECTOR_FAMILIES: readonly Family[] = [POSTGRES, DEBEZIUM, MYSQL, PRODUCER, CONNECT, EARLIER];
/** Of the router, behind its alias. */
export const ROUTER_FAMILIES: readonly Family[] = [OUTBOX];
/** Of ExtractNewRecordState, behind its alias. */
export const NEW_RECORD_STATE_FAMILIES: readonly Family[] = [NEW_RECORD_STATE];

/** What becomes of a connector's key, or null if nobody knows it. */
export function judgeConnectorKey(key: string, value: Value): Judgement | null {
  return judgeIn(CONNECTOR_FAMILIES, key, value);
}

/** The same for an option of the router, without `transforms.<alias>.`. */
export function judgeRouterOption(option: string, value: Value): Judgement | null {
  return judgeIn(ROUTER_FAMILIES, option, value);
}

/** The same for an option of ExtractNewRecordState. */
export function judgeNewRecordStateOption(option: string, value: Value): Judgement | null {
  return judgeIn(NEW_RECORD_STATE_FAMILIES, option, value);
}

/** The keys without `*`, for suggestions. */
export function spelledOut(families: readonly Family[]): string[] {
  return families.flatMap((family) => family.keys.map(({ key }) => key)).filter((key) => !key.includes('*'));
}

function judgeIn(families: readonly Family[], key: string, value: Value): Judgement | null {
  const found = find(families, key);
  return found === undefined ? null : judge(found, value);
}

/** A key spelled out comes before a pattern, whichever family it is in. */
function find(families: readonly Family[], key: string): KnownKey | undefined {
  const all = families.flatMap((family) => family.keys);
  return all.find((known) => known.key === key) ?? all.find((known) => fits(known.key, key));
}
