/**
 * What a committed reader may see of the ledger, checked record by record as it becomes visible, and exactly against
 * the table in the end.
 */
import assert from 'node:assert/strict';
import type { LedgerRow, TruthRow } from './ledger.ts';
import type { Segment } from './transaction-log.ts';

export interface LedgerCheckOptions {
  /** Before the aggregate type in topic names. */
  readonly topicPrefix: string;
  /** Source transactions of more rows than this may be spread over several Kafka transactions. */
  readonly wholeUpTo: number;
}

interface Seen {
  readonly n: number;
  rows: number;
  /** The part of a Kafka transaction it was first seen in. */
  readonly segment: string;
}

export class LedgerCheck {
  readonly #options: LedgerCheckOptions;
  /** Row number last seen, by partition and writer. */
  readonly #lastSequence = new Map<string, number>();
  /** Row number last seen, by shared key. */
  readonly #lastOfKey = new Map<string, number>();
  /** Payload, topic and key by writer and row number, since the last `forget`. */
  #rows = new Map<string, { readonly payload: string; readonly topic: string; readonly key: string }>();
  #transactions = new Map<string, Seen>();
  /** Segments known to be of one Kafka transaction, by partition; all of a group share the map. */
  #groups = new Map<string, Map<string, string>>();
  #delivered = 0;
  #aborted = 0;

  constructor(options: LedgerCheckOptions) {
    this.#options = options;
  }

  /** Records seen, in all. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Records that lie in the log and were taken back. */
  get aborted(): number {
    return this.#aborted;
  }

  /** Takes what has become visible; throws at the first thing that must not be. */
  add(segments: readonly Segment[]): void {
    for (const segment of segments) {
      if (!segment.committed) {
        this.#aborted += segment.records.length;
        continue;
      }
      const name = `${segment.topic}/${segment.partition}@${segment.records[0]?.offset}`;
      let previous = '';
      const ended = new Set<string>();
      for (const record of segment.records) {
        const transaction = this.#row(segment, name, record.key, record.value);
        if (transaction === previous) continue;
        assert.ok(!ended.has(transaction), `transaction ${transaction} is interleaved with others in ${name}`);
        ended.add(previous);
        previous = transaction;
      }
    }
  }

  /** Source transactions of which some rows are visible and others not. */
  get partial(): readonly string[] {
    const { wholeUpTo } = this.#options;
    return [...this.#transactions]
      .filter(([, { n, rows }]) => rows !== n && n <= wholeUpTo)
      .map(([name, { n, rows }]) => `${name}: ${rows} of ${n}`);
  }

  /** The end of the ledger, or a pause of it: what was seen is what the table holds, row by row, byte by byte. */
  equals(truth: readonly TruthRow[]): void {
    const missing: string[] = [];
    for (const { topic, key, payload } of truth) {
      const { w, s } = JSON.parse(payload) as LedgerRow;
      const seen = this.#rows.get(`${w}/${s}`);
      if (!seen) {
        missing.push(payload.slice(0, 80));
        continue;
      }
      assert.deepEqual(seen, { payload, topic: this.#options.topicPrefix + topic, key });
    }
    assert.deepEqual(missing.slice(0, 20), [], `${missing.length} of ${truth.length} committed rows did not arrive`);
    assert.equal(this.#rows.size, truth.length, 'rows arrived that were never committed');
    assert.deepEqual(this.partial, []);
  }

  /** After `equals` and a clean-up of the table: keeps the order, drops the rows. */
  forget(): void {
    this.#rows = new Map();
    this.#transactions = new Map();
    this.#groups = new Map();
  }

  #row(segment: Segment, name: string, key: string, payload: string): string {
    const row = JSON.parse(payload) as LedgerRow;
    const where = `in ${name}: ${payload.slice(0, 100)}`;
    assert.ok(row.s > 0, `a row that a savepoint took back arrived ${where}`);
    // A key stays in its partition, so what ascends in every partition does not repeat, and is in order per key.
    const lane = `${segment.topic}/${segment.partition}/${row.w}`;
    const last = this.#lastSequence.get(lane) ?? 0;
    assert.ok(row.s > last, `row ${row.s} came after row ${last} of its writer ${where}`);
    this.#lastSequence.set(lane, row.s);
    if (row.k !== null) {
      const before = this.#lastOfKey.get(key) ?? 0;
      assert.equal(row.k, before + 1, `key ${key} has a gap, a repeat or a wrong order ${where}`);
      this.#lastOfKey.set(key, row.k);
    }
    const id = `${row.w}/${row.s}`;
    assert.ok(!this.#rows.has(id), `row ${id} arrived twice ${where}`);
    this.#rows.set(id, { payload, topic: segment.topic, key });
    this.#delivered++;
    const transaction = `${row.w}/${row.t}`;
    this.#transaction(transaction, row, name);
    return transaction;
  }

  /**
   * Parts of Kafka transactions that share a source transaction must be of the same Kafka transaction; two parts that
   * lie behind each other in one partition, with a marker between them, never are.
   */
  #transaction(transaction: string, row: LedgerRow, name: string): void {
    const seen = this.#transactions.get(transaction);
    if (!seen) {
      this.#transactions.set(transaction, { n: row.n, rows: 1, segment: name });
      return;
    }
    seen.rows++;
    if (seen.segment === name || row.n > this.#options.wholeUpTo) return;
    this.#unite(seen.segment, name, transaction);
  }

  #unite(one: string, other: string, transaction: string): void {
    const a = this.#group(one);
    const b = this.#group(other);
    if (a === b) return;
    for (const [place, member] of b) {
      const there = a.get(place) ?? member;
      assert.equal(there, member, `source transaction ${transaction} spans two Kafka transactions`);
      a.set(place, member);
      this.#groups.set(member, a);
    }
  }

  #group(name: string): Map<string, string> {
    const known = this.#groups.get(name);
    if (known) return known;
    const group = new Map([[name.slice(0, name.lastIndexOf('@')), name]]);
    this.#groups.set(name, group);
    return group;
  }
}
