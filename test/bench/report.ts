/** A report as a run would give it, for tests of what is made of it. */
import { type Report, type Sample, figuresOf } from '../../src/bench/figures.ts';

export function sample(of: Partial<Sample> & { readonly value: number }): Sample {
  return { group: 'drain', condition: '1 row a transaction', measure: 'rate', contestant: 'millrace', ...of };
}

function samples(of: Omit<Sample, 'value'>, values: readonly number[]): Sample[] {
  return values.map((value) => ({ ...of, value }));
}

const drain = { group: 'drain', condition: '1 row a transaction' } as const;
const latency = { group: 'latency', condition: '1,000 events a second' } as const;
const times = { group: 'times', condition: 'kill -9 to next event', measure: 'time' } as const;

export const REPORT: Report = {
  format: 1,
  takenAt: '2026-11-25T12:00:00.000Z',
  minutes: 17.5,
  quick: false,
  machine: '4 cores (Example), 16 GiB, linux x64',
  versions: { Millrace: '0.1.0', Debezium: '3.4.3.Final' },
  settings: { rows: 200_000, payloadBytes: 350, rounds: 3, seconds: 10, warmUpSeconds: 3 },
  figures: figuresOf([
    sample({ contestant: 'debezium', condition: '1 row a transaction, first run of the JVM', value: 30_000 }),
    ...samples({ ...drain, measure: 'rate', contestant: 'millrace' }, [90_000, 100_000, 95_000]),
    ...samples({ ...drain, measure: 'rate', contestant: 'debezium' }, [50_000, 50_100, 40_000]),
    ...samples({ ...drain, measure: 'rate', contestant: 'raw-tcp' }, [60_000, 60_001, 55_000]),
    ...samples({ ...drain, measure: 'cpu', contestant: 'millrace' }, [40, 39, 41.5]),
    ...samples({ ...drain, measure: 'cpu', contestant: 'debezium' }, [20, 20, 20]),
    ...samples({ ...latency, measure: 'p50', contestant: 'millrace' }, [3, 2.9, 3.1]),
    ...samples({ ...latency, measure: 'p50', contestant: 'debezium' }, [120, 118, 140]),
    ...samples({ ...latency, measure: 'p50', contestant: 'debezium-default' }, [450, 440, 460]),
    ...samples({ ...latency, measure: 'cpu', contestant: 'millrace' }, [240, 240, 241]),
    ...samples({ ...latency, measure: 'cpu', contestant: 'debezium' }, [350, 351, 360]),
    ...samples({ ...latency, measure: 'cpu', contestant: 'debezium-default' }, [83, 80, 90]),
    ...samples({ ...times, contestant: 'millrace' }, [0.4, 0.4, 0.5]),
    ...samples({ ...times, contestant: 'debezium' }, [8, 9, 8.5]),
  ]),
  failures: [],
};
