import { createHash } from 'node:crypto';

/** What is compared between a row of the outbox and its record, byte for byte. */
export interface Event {
  readonly id: string | Buffer;
  readonly key: string | Buffer;
  readonly type: string | Buffer;
  readonly value: string | Buffer;
}

/** A set of events as a number that does not depend on their order: the sum of their hashes. */
export class Digest {
  readonly #ids = new Set<string>();
  #sum = 0n;
  #count = 0;

  add({ id, key, type, value }: Event): void {
    const hash = createHash('sha1');
    for (const part of [id, key, type]) {
      const bytes = Buffer.from(part);
      hash.update(`${bytes.length} `).update(bytes);
    }
    this.#sum = BigInt.asUintN(64, this.#sum + hash.update(value).digest().readBigUInt64BE());
    this.#ids.add(String(id));
    this.#count++;
  }

  get events(): number {
    return this.#count;
  }

  /** Different ids. */
  get different(): number {
    return this.#ids.size;
  }

  get text(): string {
    return this.#sum.toString(16);
  }
}
