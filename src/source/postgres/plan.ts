/** What a start would find and do in the database: everything that `prepare` checks, asked at once, nothing changed. */
import type pg from 'pg';
import type { Claim } from '../../change/claim.ts';
import type { Finding } from '../../change/finding.ts';
import type { Position } from '../../change/position.ts';
import { MillraceError } from '../../errors.ts';
import { address, databaseError, withSession } from './connection.ts';
import { leaseHolder } from './lease.ts';
import { parseLsn } from './lsn.ts';
import { parsePosition } from './position.ts';
import { type ServerFacts, checkResume, judgeServer, readServerFacts } from './preflight.ts';
import { checkFirstSlot, missingSlot } from './prepare.ts';
import { FILTERED, NO_IDENTITY, planPublication } from './publication.ts';
import type { PostgresSettings } from './settings.ts';
import { type Slot, checkConfirmed, checkSlot, creationOf, readSlot, refuseStranger, walsenderName } from './slot.ts';
import { checkSynchronous } from './synchronous.ts';
import { capacity, publicationRights, sizes } from './plan-queries.ts';

export interface DatabasePlanOptions {
  readonly settings: PostgresSettings;
  /** What Kafka holds; both null before a first start, and where Kafka cannot be asked. */
  readonly position: Position | null;
  readonly claim: Claim | null;
  readonly clusterId: string;
  readonly signal: AbortSignal;
}

export interface DatabasePlan {
  readonly findings: readonly Finding[];
  /** null: the server could not be identified. */
  readonly facts: ServerFacts | null;
}

export async function planDatabase(options: DatabasePlanOptions): Promise<DatabasePlan> {
  const { settings, signal } = options;
  const findings: Finding[] = [];
  let facts: ServerFacts | null = null;
  try {
    await withSession(settings, { applicationName: 'millrace/plan', signal }, async (client) => {
      await client.query("SET statement_timeout = '30s'");
      const { version, refusals } = await judgeServer(client, settings);
      const text = `reached ${address(settings)}, version ${Math.floor(version / 10_000)}.${version % 10_000}`;
      findings.push({ level: 'ok', text }, ...refusals.map(obstacle));
      // What a server that decodes nothing would do with slots says nothing.
      facts = refusals.length > 0 ? null : await identify(options, findings);
      if (facts !== null) await new Plan(client, options, facts, findings).look();
    });
  } catch (error) {
    signal.throwIfAborted();
    findings.push(obstacle(databaseError(error, 'cannot look into the database')));
  }
  return { findings, facts };
}

/** Also shows that the role may replicate: the question goes over a replication session. */
async function identify({ settings, signal }: DatabasePlanOptions, findings: Finding[]): Promise<ServerFacts | null> {
  try {
    const facts = await readServerFacts(settings, signal);
    const text = `role "${settings.user}" may replicate; database system ${facts.system}, time line ${facts.timeline}`;
    findings.push({ level: 'ok', text });
    return facts;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    const denied = error.kind === 'database-rejected' && /replication|walsender|WAL sender/i.test(error.message);
    findings.push({
      ...obstacle(error),
      ...(denied ? { statement: `ALTER ROLE "${settings.user.replaceAll('"', '""')}" REPLICATION` } : {}),
    });
    return null;
  }
}

class Plan {
  readonly #client: pg.Client;
  readonly #options: DatabasePlanOptions;
  readonly #facts: ServerFacts;
  readonly #findings: Finding[];

  constructor(client: pg.Client, options: DatabasePlanOptions, facts: ServerFacts, findings: Finding[]) {
    this.#client = client;
    this.#options = options;
    this.#facts = facts;
    this.#findings = findings;
  }

  async look(): Promise<void> {
    const { settings, position } = this.#options;
    const slot = await readSlot(this.#client, settings.slotName);
    await this.#attempt(() => this.#lease());
    await this.#attempt(() => this.#synchronous());
    await this.#attempt(() => this.#publication(slot === null && position === null ? 'first' : 'continued'));
    await this.#attempt(() => this.#slot(slot));
    if (position !== null) await this.#attempt(() => checkResume(this.#client, this.#facts, parsePosition(position)));
    this.#findings.push(...(await sizes(this.#client, settings.slotName)));
  }

  /** A check of `run` that refuses becomes a finding, and the next check is made all the same. */
  async #attempt(check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      this.#findings.push(obstacle(databaseError(error, 'cannot look into the database')));
    }
  }

  #say(level: Finding['level'], text: string, statement?: string): void {
    this.#findings.push({ level, text, ...(statement === undefined ? {} : { statement }) });
  }

  async #lease(): Promise<void> {
    const holder = await leaseHolder(this.#client, this.#options.settings.connectorName);
    if (holder !== null) this.#say('warning', `the lease is held by ${holder}: a further instance would stand by`);
  }

  async #synchronous(): Promise<void> {
    const { settings, clusterId } = this.#options;
    const setting = await this.#client.query<{ names: string }>(
      "SELECT current_setting('synchronous_standby_names') AS names",
    );
    checkSynchronous(setting.rows[0]?.names ?? '', walsenderName(clusterId, settings.transactionalId));
  }

  async #publication(start: 'first' | 'continued'): Promise<void> {
    const { settings } = this.#options;
    const name = settings.publicationName;
    const plan = await planPublication(this.#client, settings, start);
    const { action, refusals, tables, withoutIdentity, silent, filtered } = plan;
    if (tables.length > 0) this.#say('ok', `captured: ${tables.join(', ')}`);
    this.#findings.push(...refusals.map(obstacle));
    if (refusals.length === 0 && action !== null) {
      const verb = action.kind === 'create' ? 'would be created' : `would get ${action.tables.join(', ')}`;
      this.#say('create', `publication "${name}" ${verb}`, action.statement);
      this.#findings.push(...(await publicationRights(this.#client, settings, action)));
    }
    if (refusals.length === 0 && action === null) this.#say('ok', `publication "${name}" covers them`);
    if (withoutIdentity.length > 0) this.#say('warning', `${NO_IDENTITY}: ${withoutIdentity.join(', ')}`);
    if (silent !== null) this.#say('warning', silent.text, silent.statement);
    if (filtered.length > 0) this.#say('warning', `${FILTERED}: ${filtered.join(', ')}`);
  }

  async #slot(slot: Slot | null): Promise<void> {
    const { settings, position, claim, clusterId } = this.#options;
    if (slot === null) {
      if (position !== null) throw missingSlot(settings);
      this.#say('create', `slot "${settings.slotName}" would be created`, creationOf(settings));
      this.#findings.push(...(await capacity(this.#client)));
      return;
    }
    if (position === null) checkFirstSlot(slot, { settings, facts: this.#facts, earlier: claim });
    else checkSlot(slot, settings);
    // Our own walsender is no obstacle: it belongs to the instance that runs, or is ended by the next.
    await refuseStranger(this.#client, settings, walsenderName(clusterId, settings.transactionalId));
    // A running instance, which has checked it, moves the slot on while we look.
    if (position !== null && slot.activePid === null) {
      checkConfirmed(slot.confirmed, parseLsn(parsePosition(position).lsn), settings.slotName);
    }
    this.#say('ok', `slot "${settings.slotName}" has confirmed ${slot.confirmed ?? 'nothing yet'}`);
  }
}

function obstacle(error: MillraceError): Finding {
  const { message: text, statement } = error;
  return { level: 'obstacle', text, ...(statement === null ? {} : { statement }) };
}
