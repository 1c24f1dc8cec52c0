/** Takes a lease as a process of its own, to be frozen or killed: `node lease-holder.ts SETTINGS`. */
import { systemClock } from '../../src/runtime/clock.ts';
import { acquireLease } from '../../src/source/postgres/lease.ts';
import type { PostgresSettings } from '../../src/source/postgres/settings.ts';
import { keepingLog, noMetrics } from './postgres-source.ts';

const settings = JSON.parse(process.argv[2] ?? '') as PostgresSettings;
const { signal } = new AbortController();
await acquireLease(settings, { log: keepingLog().log, metrics: noMetrics, clock: systemClock, signal });
process.stdout.write('held\n');
