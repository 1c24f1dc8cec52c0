import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { MillraceError } from '../../src/errors.ts';
import { errorType, kafkaError } from '../../src/kafka/client.ts';

const require = createRequire(import.meta.url);
const { createErrorFromCode } = require('kafkajs/src/protocol/error') as {
  createErrorFromCode: (code: number) => Error;
};
const { KafkaJSAggregateError, KafkaJSNumberOfRetriesExceeded, KafkaJSConnectionError } =
  require('kafkajs/src/errors') as {
    KafkaJSAggregateError: new (message: string, errors: Error[]) => Error;
    KafkaJSNumberOfRetriesExceeded: new (error: Error, info: object) => Error;
    KafkaJSConnectionError: new (message: string, info: object) => Error;
  };

test('what the broker answered is found through everything kafkajs wraps it in', () => {
  const answer = createErrorFromCode(40);
  for (const error of [
    answer,
    new KafkaJSAggregateError('Topic creation errors', [answer]),
    new KafkaJSNumberOfRetriesExceeded(answer, { retryCount: 3, retryTime: 10 }),
    new KafkaJSNumberOfRetriesExceeded(new KafkaJSAggregateError('several', [answer]), { retryCount: 1, retryTime: 1 }),
  ]) {
    assert.equal(errorType(error), 'INVALID_CONFIG');
    const { kind, message } = kafkaError(error, 'cannot create topic "t"');
    assert.equal(kind, 'kafka-rejected');
    assert.match(message, /^cannot create topic "t": .*[Cc]onfiguration.* \(INVALID_CONFIG\)$/);
  }
});

test('every answer has the kind that its policy needs', () => {
  const kinds = Object.entries({
    47: 'fenced',
    10: 'record-rejected',
    87: 'record-rejected',
    29: 'kafka-rejected',
    50: 'kafka-rejected',
    49: 'kafka-unavailable',
    6: 'kafka-unavailable',
    51: 'kafka-unavailable',
  });
  for (const [code, kind] of kinds) assert.equal(kafkaError(createErrorFromCode(Number(code)), 'x').kind, kind, code);
});

test('a certificate that is refused is not tried again, a broker that is away is', () => {
  const broken = (code: string): Error => new KafkaJSConnectionError('Connection error', { broker: 'b:1', code });
  assert.equal(kafkaError(broken('SELF_SIGNED_CERT_IN_CHAIN'), 'x').kind, 'kafka-rejected');
  assert.equal(kafkaError(broken('ERR_TLS_CERT_ALTNAME_INVALID'), 'x').kind, 'kafka-rejected');
  assert.equal(kafkaError(broken('ECONNREFUSED'), 'x').kind, 'kafka-unavailable');
});

test('an error of our own stays what it is, and anything else is an unreachable Kafka', () => {
  const own = new MillraceError('data', 'a row');
  assert.equal(kafkaError(own, 'x'), own);
  assert.equal(kafkaError('a string', 'x').kind, 'kafka-unavailable');
});
