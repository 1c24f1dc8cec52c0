import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { checkConnector, readConnectorFile } from '../../src/config/connector.ts';
import { readConnectors, sharedValues, strayVariables } from '../../src/config/connectors.ts';
import type { Surroundings } from '../../src/config/given.ts';
import { formatMistake } from '../../src/config/mistake.ts';
import { MillraceError } from '../../src/errors.ts';
import { connectorConfig } from '../support/connector-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-configs-'));
after(() => rmSync(folder, { recursive: true }));
const EXAMPLES = new URL('../../connectors/', import.meta.url);

const MINIMUM = {
  'connector.class': 'postgres',
  'database.hostname': 'localhost',
  'database.user': 'u',
  'database.dbname': 'd',
  transforms: 'o',
  'transforms.o.type': 'outbox',
  'kafka.bootstrap.servers': 'localhost:9092',
};
type Values = Readonly<Record<string, unknown>>;

function mistakes(over: Values, surroundings: Surroundings): string[] {
  const checked = checkConnector(JSON.stringify({ name: 'c', config: { ...MINIMUM, ...over } }), null, surroundings);
  return 'mistakes' in checked ? checked.mistakes.map(formatMistake) : [];
}
function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

for (const name of readdirSync(EXAMPLES)) {
  test(`connectors/${name} is valid`, () => {
    // Every variable and file that an example refers to is there.
    const secret = file('example-secret', 'x');
    const text = readFileSync(new URL(name, EXAMPLES), 'utf8').replaceAll(/\$\{file:[^}]*\}/g, `\${file:${secret}}`);
    const env = Object.fromEntries(
      Array.from(text.matchAll(/\$\{env:(\w+)\}/g), ([, variable = '']) => [variable, 'x']),
    );
    const config = readConnectorFile(file(name, text), { env });
    assert.equal(`${config.name}.json`, name);
  });
}

test('a value for all connectors comes from a flag, else from the environment; the own value of a file wins', () => {
  const env = {
    MILLRACE_KAFKA_CLIENT_ID: 'env',
    MILLRACE_OFFSETS_TOPIC: 'env-offsets',
    MILLRACE_TRANSACTION_SPLIT: 'never',
    MILLRACE_KAFKA: 'x',
  };
  const shared = sharedValues({ 'kafka.client.id': 'flag', 'log-level': 'debug' }, env);
  const config = connectorConfig('c', { 'offsets.topic': 'own' }, { shared, env });
  assert.deepEqual([config.values.clientId, config.values.offsetsTopic, config.values.split], ['flag', 'own', 'never']);
  const wrong = sharedValues({ 'kafka.transaction.timeout.ms': '5' }, { MILLRACE_TRANSACTION_SPLIT: 'sometimes' });
  assert.deepEqual(mistakes({}, { shared: wrong }), [
    '--kafka.transaction.timeout.ms: "kafka.transaction.timeout.ms" expected a whole number from 1000 to 2147483647, got "5"',
    'environment variable MILLRACE_TRANSACTION_SPLIT: "transaction.split" expected one of auto, never, got "sometimes"',
  ]);
});

test('a mistyped variable is noticed; those of Kubernetes and of the tests are none', () => {
  const env = {
    MILLRACE_KAFKA_BOOTSTRAP_SERVER: 'x',
    MILLRACE_KAFKA_SERVICE_HOST: 'x',
    MILLRACE_KAFKA_PORT_9092_TCP_ADDR: 'x',
    MILLRACE_KAFKA: 'x',
    MILLRACE_OFFSETS_TOPIC: 'x',
    MILLRACE_CACHE: 'x',
  };
  const near = 'MILLRACE_KAFKA_BOOTSTRAP_SERVERS';
  assert.deepEqual(strayVariables(env), [{ name: 'MILLRACE_KAFKA_BOOTSTRAP_SERVER', near }]);
});

test('several files and folders: mistakes of all of them at once, and names, slots and producers differ', () => {
  const connector = (name: string, over: Values = {}): string =>
    JSON.stringify({ name, config: { ...MINIMUM, ...over } });
  const none = { shared: [], env: {} };
  const [a, b] = [file('a.json', connector('a')), file('b.json', connector('b'))];
  assert.deepEqual(
    readConnectors([a, b, a], none).map(({ name }) => name),
    ['a', 'b'],
  );
  const bad = [file('c.json', connector('c', { nope: 1 })), file('d.json', '{'), file('e.json', connector('a'))];
  assert.throws(
    () => readConnectors([a, ...bad], none),
    (error) =>
      error instanceof MillraceError &&
      error.kind === 'config' &&
      [
        /3 mistakes/,
        /c\.json:1:\d+: "nope"/,
        /d\.json:1:2: not valid JSON/,
        /e\.json: "name" the name "a" is also that of .*a\.json/,
      ].every((part) => part.test(error.message)),
  );
  assert.throws(
    () => readConnectors([a, file('f.json', connector('f', { 'slot.name': 'millrace_a' }))], none),
    /slot "millrace_a" is also that of/,
  );
  assert.throws(
    () =>
      readConnectors(
        [a, file('g.json', connector('A_', { 'kafka.transactional.id.prefix': 'x' })), file('h.json', connector('a_'))],
        none,
      ),
    /the slot "millrace_a_" is also/,
  );
  const shared = sharedValues({ 'transaction.split': 'x' }, {});
  assert.throws(() => readConnectors([a, b], { shared, env: {} }), /^MillraceError: one mistake/);
  assert.throws(
    () => readConnectors([join(folder, 'nowhere')], none),
    (error) => error instanceof MillraceError && error.kind === 'config',
  );
});
