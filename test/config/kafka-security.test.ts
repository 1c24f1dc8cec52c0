import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConnector } from '../../src/config/connector.ts';
import type { KafkaSecurity } from '../../src/config/kafka-security.ts';
import { formatMistake } from '../../src/config/mistake.ts';

function security(values: Readonly<Record<string, string>>): KafkaSecurity | string {
  const config = {
    'connector.class': 'postgres',
    'database.hostname': 'localhost',
    'database.user': 'u',
    'database.dbname': 'd',
    transforms: 'o',
    'transforms.o.type': 'outbox',
    'kafka.bootstrap.servers': 'localhost:9092',
    ...Object.fromEntries(Object.entries(values).map(([key, value]) => [`kafka.${key}`, value])),
  };
  const checked = checkConnector(JSON.stringify({ name: 'c', config }), null);
  return 'mistakes' in checked ? checked.mistakes.map(formatMistake).join('\n') : checked.config.security;
}
const PEM = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';

test("user and password come by our keys or by Kafka's JAAS text", () => {
  const expected = { sasl: { mechanism: 'SCRAM-SHA-512', username: 'al ice', password: 'pa55word"w;\\' }, tls: null };
  const base = { 'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'SCRAM-SHA-512' };
  assert.deepEqual(security({ ...base, 'sasl.username': 'al ice', 'sasl.password': 'pa55word"w;\\' }), expected);
  for (const jaas of [
    'org.apache.kafka.common.security.scram.ScramLoginModule required username="al ice" password="pa55word\\"w;\\\\";',
    "  org.apache.kafka.common.security.scram.ScramLoginModule\n required\n password='pa55word\"w;\\\\'\n username='al ice' ;\n",
  ]) {
    assert.deepEqual(security({ ...base, 'sasl.jaas.config': jaas }), expected);
  }
  assert.deepEqual(
    security({
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.jaas.config': 'x.PlainLoginModule required username=a password=pa55word;',
    }),
    { sasl: { mechanism: 'PLAIN', username: 'a', password: 'pa55word' }, tls: null },
  );
});

test("TLS comes by librdkafka's names or by Kafka's own PEM names", () => {
  assert.deepEqual(security({ 'security.protocol': 'SSL' }), {
    sasl: null,
    tls: { ca: null, certificate: null, key: null, keyPassword: null },
  });
  assert.deepEqual(
    security({
      'security.protocol': 'SSL',
      'ssl.ca.location': '/ca.pem',
      'ssl.certificate.location': '/c.pem',
      'ssl.key.location': '/k.pem',
      'ssl.key.password': 'pa55word',
    }),
    {
      sasl: null,
      tls: {
        ca: { file: '/ca.pem' },
        certificate: { file: '/c.pem' },
        key: { file: '/k.pem' },
        keyPassword: 'pa55word',
      },
    },
  );
  assert.deepEqual(
    security({
      'security.protocol': 'SSL',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': '/ca.pem',
      'ssl.keystore.type': 'pem',
      'ssl.keystore.location': '/both.pem',
      'ssl.endpoint.identification.algorithm': 'HTTPS',
    }),
    {
      sasl: null,
      tls: {
        ca: { file: '/ca.pem' },
        certificate: { file: '/both.pem' },
        key: { file: '/both.pem' },
        keyPassword: null,
      },
    },
  );
  assert.deepEqual(
    security({
      'security.protocol': 'SSL',
      'ssl.truststore.certificates': PEM,
      'ssl.keystore.certificate.chain': PEM,
      'ssl.keystore.key': PEM,
    }),
    { sasl: null, tls: { ca: { text: PEM }, certificate: { text: PEM }, key: { text: PEM }, keyPassword: null } },
  );
});

test('what cannot work is refused with what to do', () => {
  const ssl = { 'security.protocol': 'SSL' };
  const sasl = { 'security.protocol': 'SASL_SSL' };
  const cases: [Readonly<Record<string, string>>, RegExp][] = [
    [
      { ...ssl, 'ssl.truststore.type': 'JKS' },
      /truststore.type" expected "PEM" \(Millrace reads PEM only. Convert a Java store with "keytool/,
    ],
    [{ ...ssl, 'ssl.keystore.type': 'PKCS12' }, /keystore.type" expected "PEM" \(Millrace reads PEM only/],
    [{ ...ssl, 'ssl.truststore.location': '/x/truststore.jks' }, /expected a PEM file, got a Java key store: convert/],
    [{ ...ssl, 'ssl.ca.location': '/a', 'ssl.truststore.location': '/b' }, /says the same as "kafka.ssl.ca.location"/],
    [{ ...ssl, 'ssl.certificate.location': '/a' }, /stands alone: the client key is missing/],
    [{ ...ssl, 'ssl.keystore.key': PEM }, /stands alone: the client certificate is missing/],
    [{ ...ssl, 'ssl.truststore.certificates': '/ca.pem' }, /expected a PEM text/],
    [{ ...ssl, 'ssl.endpoint.identification.algorithm': '' }, /the check of the host name cannot be turned off/],
    [{ 'ssl.ca.location': '/a' }, /has no effect while kafka.security.protocol is PLAINTEXT: expected SSL or SASL_SSL/],
    [{ ...ssl, 'sasl.username': 'a' }, /has no effect while kafka.security.protocol is SSL: expected SASL_SSL/],
    [sasl, /"kafka.sasl.username" is missing: .*\n"kafka.sasl.password" is missing/],
    [{ ...sasl, 'sasl.mechanism': 'GSSAPI' }, /one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, got "GSSAPI"/],
    [
      {
        ...sasl,
        'sasl.jaas.config': 'x.PlainLoginModule required username="a" password="pa55word";',
        'sasl.username': 'c',
      },
      /says the user a second time/,
    ],
    [
      { ...sasl, 'sasl.jaas.config': 'x.ScramLoginModule required username="a" password="pa55word";' },
      /expected PlainLoginModule/,
    ],
    [
      { ...sasl, 'sasl.jaas.config': 'x.PlainLoginModule required username="a";' },
      /expected username="…" and password="…" in it/,
    ],
  ];
  for (const [values, expected] of cases) {
    const said = security(values);
    assert.ok(typeof said === 'string', JSON.stringify(values));
    assert.match(said, expected);
  }
});
