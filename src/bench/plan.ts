/** How much is measured. */
import { MillraceError } from '../errors.ts';
import { GROUPS, type Group } from './figures.ts';

export interface Plan {
  readonly quick: boolean;
  readonly peer: 'debezium' | null;
  /** The kinds of measure. */
  readonly only: readonly Group[];
  /** Of a backlog. */
  readonly rows: number;
  readonly payloadBytes: number;
  readonly perTransaction: readonly number[];
  /** How often everything is measured. */
  readonly rounds: number;
  /** Events a second, for latency. */
  readonly rates: readonly number[];
  /** Of a latency run, beside its warm-up. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

const FULL = {
  rows: 200_000,
  payloadBytes: 350,
  perTransaction: [1, 10, 100],
  rounds: 3,
  rates: [100, 1000, 4000],
  seconds: 10,
  warmUpSeconds: 3,
};
const QUICK = { ...FULL, rows: 30_000, rounds: 1, seconds: 3, warmUpSeconds: 1 };

/** Options that take a value. */
export const PLAN_OPTIONS = ['peer', 'only', 'rows', 'payload', 'per-tx', 'rounds', 'rates', 'seconds'] as const;
/** Lines for --help. */
export const PLAN_HELP = `  --peer debezium    the same work through Debezium on Kafka Connect, in turns with Millrace; it is downloaded once,
                     about 38 MB, and needs Java and Maven
  --quick            fewer rows, rounds and seconds: a few minutes, and figures that only show that it works
  --only LIST        kinds of measure: drain,latency,times; all by default
  --rows N           rows of a backlog; ${FULL.rows} by default, quick ${QUICK.rows}
  --payload BYTES    size of a row's payload; ${FULL.payloadBytes}
  --per-tx LIST      rows a transaction; ${FULL.perTransaction.join(',')}
  --rounds N         runs of each kind, in turns; ${FULL.rounds}, quick ${QUICK.rounds}
  --rates LIST       events a second for latency; ${FULL.rates.join(',')}
  --seconds N        length of a latency run; ${FULL.seconds}, quick ${QUICK.seconds}`;

/** Throws `config` for a value that makes no sense. */
export function readPlan(values: Readonly<Record<string, string | undefined>>, quick: boolean): Plan {
  const defaults = quick ? QUICK : FULL;
  const { peer } = values;
  if (peer !== undefined && peer !== 'debezium') {
    throw new MillraceError('config', `--peer: expected debezium, got "${peer}"`);
  }
  return {
    quick,
    peer: peer ?? null,
    only: kinds(values['only']),
    rows: whole('rows', values['rows'], 1000, 100_000_000) ?? defaults.rows,
    payloadBytes: whole('payload', values['payload'], 30, 1_000_000) ?? defaults.payloadBytes,
    perTransaction: list('per-tx', values['per-tx'], 1_000_000) ?? defaults.perTransaction,
    rounds: whole('rounds', values['rounds'], 1, 100) ?? defaults.rounds,
    rates: list('rates', values['rates'], 1_000_000) ?? defaults.rates,
    seconds: whole('seconds', values['seconds'], 1, 86_400) ?? defaults.seconds,
    warmUpSeconds: defaults.warmUpSeconds,
  };
}

function whole(name: string, text: string | undefined, least: number, most: number): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new MillraceError('config', `--${name}: expected a whole number from ${least} to ${most}, got "${text}"`);
}

function list(name: string, text: string | undefined, most: number): readonly number[] | null {
  if (text === undefined) return null;
  const values = text.split(',').map((each) => whole(name, each.trim(), 1, most) ?? 0);
  if (new Set(values).size === values.length) return values;
  throw new MillraceError('config', `--${name}: expected different numbers, got "${text}"`);
}

function kinds(text: string | undefined): readonly Group[] {
  const all = Object.keys(GROUPS) as Group[];
  if (text === undefined) return all;
  return text.split(',').map((each) => {
    const kind = all.find((known) => known === each.trim());
    if (kind) return kind;
    throw new MillraceError('config', `--only: expected some of ${all.join(', ')}, got "${text}"`);
  });
}
