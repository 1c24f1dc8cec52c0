/** Credentials, certificates and rights, right and wrong ones, through the sink. */
import assert from 'node:assert/strict';
import { Records } from '../../../src/change/records.ts';
import { after, describe, test } from 'node:test';
import { MillraceError } from '../../../src/errors.ts';
import type { KafkaSettings } from '../../../src/kafka/client.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createKafkaSink } from '../../../src/sink/kafka/sink.ts';
import type { Sink } from '../../../src/sink/sink.ts';
import { IDENTITY, numbered, signal } from '../../contract/sink/suite.ts';
import { pem } from '../../support/certificates.ts';
import { readWire, textOf, topicReady } from '../../support/kafka-wire.ts';
import { PASSWORD, type Right, USER, grant, startSecureKafka } from '../../support/secure-kafka.ts';
import { sinkSettings } from '../../support/sink-settings.ts';
import { freshName, quiet, waitFor } from '../../support/servers.ts';

const server = await startSecureKafka();
after(() => server.dispose());
const sinks: Sink[] = [];
after(() => Promise.all(sinks.map((sink) => sink.close().catch(() => {}))));

type Way = Pick<KafkaSettings, 'sasl' | 'tls'> & { readonly listener: string; readonly principal: string };
type Mechanism = NonNullable<KafkaSettings['sasl']>['mechanism'];
const sasl = (mechanism: Mechanism, password = PASSWORD, username = USER): NonNullable<KafkaSettings['sasl']> => ({
  mechanism,
  username,
  password,
});
const ca = { ca: pem(server.files.ca), cert: null, key: null };
const mutual = { ca: pem(server.files.ca), cert: pem(server.files.cert), key: pem(server.files.key) };

function create(name: string, { listener, ...way }: Omit<Way, 'principal'>): Sink {
  const kafka = { bootstrapServers: [server.listeners[listener] ?? ''], ...way };
  const sink = createKafkaSink(sinkSettings(name, kafka, { transactionTimeoutMs: 10_000 }), {
    log: quiet,
    clock: systemClock,
  });
  sinks.push(sink);
  return sink;
}

/** The least that a connector needs; the README's table has the same rows. */
function leastRights(name: string): readonly Right[] {
  const offsets = { resource: 'topic', name: `${name}-offsets` } as const;
  const events = { resource: 'topic', name: `${name}.`, prefixed: true } as const;
  const id = { resource: 'transactional-id', name: `millrace-${name}` } as const;
  return [
    { ...id, operation: 'WRITE' },
    { ...offsets, operation: 'READ' },
    { ...offsets, operation: 'WRITE' },
    { ...offsets, operation: 'CREATE' },
    { ...offsets, operation: 'DESCRIBE_CONFIGS' },
    { ...events, operation: 'WRITE' },
    { ...events, operation: 'CREATE' },
  ];
}

/** One run; what the supervisor would try again is tried again. */
async function writes(name: string, way: Omit<Way, 'principal'>): Promise<void> {
  await waitFor('a run that is not to be retried', async () => {
    const sink = create(name, way);
    try {
      await sink.open(IDENTITY, signal);
      await sink.commit(Records.of([numbered(`${name}.order`, 1)]), { lsn: '0/1' }, true);
      return true;
    } catch (error) {
      if (error instanceof MillraceError && error.kind === 'kafka-unavailable' && isYoung(error)) return false;
      throw error;
    } finally {
      await sink.close();
    }
  });
}

/** A topic that was just created and is not known everywhere (src/kafka/topics.ts does not wait for that). */
function isYoung(error: MillraceError): boolean {
  return /not there yet|does not host|not the leader/.test(error.message);
}

/** The message of the error that a sink's open or first commit ends with; it must not give the password away. */
async function refusal(name: string, way: Omit<Way, 'principal'>): Promise<string> {
  const error = await writes(name, way).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MillraceError, `expected a refusal, got ${String(error)}`);
  const { message } = error;
  assert.ok(!message.includes(PASSWORD) && !message.includes('pa55word-wrong'), message);
  assert.equal(error.kind, 'kafka-rejected', `${error.kind}: ${message}`);
  return message;
}

const WAYS: Readonly<Record<string, Way>> = {
  'SASL/PLAIN': { listener: 'SASL_PLAINTEXT', sasl: sasl('plain'), tls: null, principal: USER },
  'SASL/SCRAM-SHA-256': { listener: 'SASL_PLAINTEXT', sasl: sasl('scram-sha-256'), tls: null, principal: USER },
  'SASL/SCRAM-SHA-512': { listener: 'SASL_PLAINTEXT', sasl: sasl('scram-sha-512'), tls: null, principal: USER },
  'SASL/PLAIN over TLS': { listener: 'SASL_SSL', sasl: sasl('plain'), tls: ca, principal: USER },
  'SASL/SCRAM-SHA-512 over TLS': { listener: 'SASL_SSL', sasl: sasl('scram-sha-512'), tls: ca, principal: USER },
  'mutual TLS': { listener: 'SSL', sasl: null, tls: mutual, principal: 'CN=connector' },
};

describe('a connector on a secured Kafka', { concurrency: 4 }, () => {
  for (const [how, way] of Object.entries(WAYS)) {
    test(`${how}: writes with the least rights`, { timeout: 60_000 }, async () => {
      const name = freshName('secured');
      await grant(server.admin, way.principal, leastRights(name));
      await writes(name, way);
      const seen = await waitFor('the record', async () => {
        const records = await readWire(server.bootstrap, `${name}.order`);
        return records.length > 0 ? records : null;
      });
      assert.deepEqual(seen.map(textOf), ['1']);
    });
  }

  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
    test(`a wrong password or an unknown user for ${mechanism} is rejected, in words, without the password`, async () => {
      const way = { listener: 'SASL_PLAINTEXT', tls: null } as const;
      const startedAt = Date.now();
      assert.match(
        await refusal('wrong', { ...way, sasl: sasl(mechanism, 'pa55word-wrong') }),
        /authentication|credentials/i,
      );
      assert.match(
        await refusal('wrong', { ...way, sasl: sasl(mechanism, PASSWORD, 'nobody') }),
        /authentication|credentials/i,
      );
      assert.ok(Date.now() - startedAt < 20_000, 'said soon, not after many tries');
    });
  }

  test('a certificate of the broker that our authority did not sign is rejected', async () => {
    const tls = { ca: pem(server.files.stranger), cert: null, key: null };
    assert.match(await refusal('stranger', { listener: 'SASL_SSL', sasl: sasl('plain'), tls }), /certificate/i);
  });

  test('no client certificate where one is required is rejected', async () => {
    assert.match(await refusal('anonymous', { listener: 'SSL', sasl: null, tls: ca }), /certificate/i);
  });

  for (const [index, { resource, operation }] of leastRights('x').entries()) {
    test(`without ${operation} on its ${resource} (row ${index + 1}) the refusal names the resource`, {
      timeout: 60_000,
    }, async () => {
      const name = freshName('lacking');
      const rights = leastRights(name);
      await grant(
        server.admin,
        USER,
        rights.filter((_, i) => i !== index),
      );
      const message = await refusal(name, { listener: 'SASL_PLAINTEXT', sasl: sasl('plain'), tls: null });
      const lacking = rights[index]?.name ?? '';
      assert.ok(message.includes(lacking.replace(/\.$/, '')), `expected "${lacking}" in: ${message}`);
    });
  }

  test('one topic of several that may not be written: the refusal says which, wherever it stands in the answer', {
    timeout: 60_000,
  }, async () => {
    const name = freshName('one');
    const letters = ['a', 'b', 'c', 'd', 'e', 'f'];
    const topics = letters.map((letter) => `${name}.${letter}`);
    const rights = leastRights(name).filter((right) => right.name !== `${name}.`);
    const write = topics.slice(0, -1).map((topic) => ({ resource: 'topic', name: topic, operation: 'WRITE' }) as const);
    const lacking = topics.at(-1) ?? '';
    await grant(server.admin, USER, [...rights, ...write, { resource: 'topic', name: lacking, operation: 'DESCRIBE' }]);
    await server.admin.createTopics({
      waitForLeaders: false,
      topics: topics.map((topic) => ({ topic, numPartitions: 1 })),
    });
    for (const topic of topics) await topicReady(server.bootstrap, topic, 1);
    const sink = create(name, { listener: 'SASL_PLAINTEXT', sasl: sasl('plain'), tls: null });
    await sink.open(IDENTITY, signal);
    const records = Records.of(topics.map((topic, i) => numbered(topic, i)));
    await assert.rejects(
      sink.commit(records, { lsn: '0/1' }, true),
      (error) =>
        error instanceof MillraceError &&
        error.kind === 'kafka-rejected' &&
        error.message.startsWith(`cannot add topic "${lacking}" `),
    );
  });
});
