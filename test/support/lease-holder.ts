/** Runs a source as a process of its own, to be frozen or killed: `node lease-holder.ts SETTINGS`. */
import type { PostgresSettings } from '../../src/source/postgres/settings.ts';
import { runSource } from './postgres-source.ts';

const settings = JSON.parse(process.argv[2] ?? '') as PostgresSettings;
// Patterns do not survive JSON.
const { start } = await runSource({ ...settings, includeTables: [/^public\.outbox$/] });
process.stdout.write(`${JSON.stringify(start)}\n`);
