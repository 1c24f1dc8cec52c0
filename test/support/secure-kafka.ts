/**
 * A Kafka of its own with every listener that a user may have: SASL with and without TLS, TLS with client certificates,
 * and an authorizer that forbids what no ACL allows. On its PLAINTEXT listener everybody may do everything.
 */
import { type AclEntry, type Admin, Kafka, logLevel } from 'kafkajs';
import { type KafkaServer, startKafka } from '../../src/demo/kafka-server.ts';
import { makeCertificates, pem } from './certificates.ts';
import { waitFor } from './servers.ts';

export const USER = 'connector';
export const PASSWORD = 'pa55word-open-sesame';

export interface SecureKafka extends KafkaServer {
  readonly admin: Admin;
  /** PEM files: the brokers' authority, one that signed nothing, the client's certificate (CN=connector) and key. */
  readonly files: { readonly ca: string; readonly stranger: string; readonly cert: string; readonly key: string };
}

const PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
const SCRAM = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';

/** `advertised`: see `KafkaOptions`. */
export async function startSecureKafka({
  advertised = {},
}: {
  readonly advertised?: Readonly<Record<string, string>>;
} = {}): Promise<SecureKafka> {
  const scram = (mechanism: string): string[] => ['--add-scram', `${mechanism}=[name=${USER},password=${PASSWORD}]`];
  const jaas = Object.fromEntries(
    ['sasl_plaintext', 'sasl_ssl'].flatMap((listener) => [
      [`listener.name.${listener}.plain.sasl.jaas.config`, `${PLAIN} user_${USER}="${PASSWORD}";`],
      [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`, SCRAM],
      [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`, SCRAM],
    ]),
  ) as Record<string, string>;
  const certificates = makeCertificates();
  const broker = certificates.sign('broker', 'IP:127.0.0.1');
  const client = certificates.sign(USER);
  const server = await startKafka(() => {}, {
    listeners: ['SASL_PLAINTEXT', 'SASL_SSL', 'SSL'],
    advertised,
    format: [...scram('SCRAM-SHA-256'), ...scram('SCRAM-SHA-512')],
    properties: {
      ...jaas,
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.certificate.chain': inline(pem(broker.cert)),
      'ssl.keystore.key': inline(pem(broker.key)),
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.certificates': inline(pem(certificates.ca)),
      'listener.name.ssl.ssl.client.auth': 'required',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    },
  });
  const kafka = new Kafka({ brokers: [server.bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 10 } });
  const admin = kafka.admin();
  await admin.connect();
  return {
    ...server,
    admin,
    files: { ca: certificates.ca, stranger: certificates.otherCa, ...client },
    dispose: async () => {
      await admin.disconnect();
      await server.dispose();
      certificates.dispose();
    },
  };
}

/** Several lines as one value of a properties file. */
function inline(text: string): string {
  return text.trim().replaceAll('\n', '\\n');
}

/** A right: what may be done to which resource. */
export interface Right {
  readonly resource: 'topic' | 'transactional-id' | 'cluster' | 'group';
  readonly name: string;
  readonly prefixed?: boolean;
  readonly operation: keyof typeof OPERATION;
}

/** Numbers of the protocol; kafkajs' enumerations are no ES module exports. */
const OPERATION = { READ: 3, WRITE: 4, CREATE: 5, DESCRIBE: 8, DESCRIBE_CONFIGS: 10, IDEMPOTENT_WRITE: 12 } as const;
const PATTERN = { literal: 3, prefixed: 4 } as const;
const ALLOW = 3;
const RESOURCE = { topic: 2, group: 3, cluster: 4, 'transactional-id': 5 } as const;

/** Resolves when the broker, which hears of it later than the controller, goes by it. */
export async function grant(admin: Admin, principal: string, rights: readonly Right[]): Promise<void> {
  await admin.createAcls({ acl: rights.map((right) => entry(principal, right)) });
  for (const right of rights) {
    await waitFor(`${right.operation} on ${right.name}`, async () => {
      const { host: _, ...filter } = entry(principal, right);
      return (await admin.describeAcls(filter)).resources.length > 0;
    });
  }
}

function entry(principal: string, { resource, name, prefixed, operation }: Right): AclEntry {
  return {
    resourceType: RESOURCE[resource],
    resourceName: name,
    resourcePatternType: prefixed ? PATTERN.prefixed : PATTERN.literal,
    principal: `User:${principal}`,
    host: '*',
    operation: OPERATION[operation],
    permissionType: ALLOW,
  };
}
