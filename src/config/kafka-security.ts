/** From the `kafka.security.protocol`, `kafka.sasl.*` and `kafka.ssl.*` keys to what a client needs; pure. */
import { KAFKA_KEYS } from './kafka-keys.ts';

/** A PEM text, or the file it is to be read from at each start: certificates are renewed. */
export type Pem = { readonly text: string } | { readonly file: string };

export interface KafkaSecurity {
  readonly sasl: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    readonly username: string;
    readonly password: string;
  } | null;
  /** null: no TLS. */
  readonly tls: {
    readonly ca: Pem | null;
    readonly certificate: Pem | null;
    readonly key: Pem | null;
    readonly keyPassword: string | null;
  } | null;
}

export interface KafkaSecurityValues {
  readonly securityProtocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
  readonly saslMechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly saslUsername: string | null;
  readonly saslPassword: string | null;
  readonly saslJaas: string | null;
  readonly kafkaCa: string | null;
  readonly kafkaCertificate: string | null;
  readonly kafkaKey: string | null;
  readonly kafkaKeyPassword: string | null;
  readonly truststoreLocation: string | null;
  readonly truststoreCertificates: string | null;
  readonly keystoreLocation: string | null;
  readonly keystoreCertificates: string | null;
  readonly keystoreKey: string | null;
}

type Note = (key: string, text: string) => void;
type Name = keyof KafkaSecurityValues & keyof typeof KAFKA_KEYS;

const STORE = /\.(jks|p12|pfx|pkcs12|keystore|truststore)$/i;

/** Notes every contradiction. */
export function kafkaSecurity(values: KafkaSecurityValues, note: Note): KafkaSecurity {
  const { securityProtocol } = values;
  return {
    sasl: securityProtocol.startsWith('SASL') ? saslOf(values, note) : null,
    tls: securityProtocol.endsWith('SSL') ? tlsOf(values, note) : null,
  };
}

function saslOf(values: KafkaSecurityValues, note: Note): KafkaSecurity['sasl'] {
  const jaas = values.saslJaas === null ? null : readJaas(values.saslJaas, values.saslMechanism);
  if (jaas !== null && 'problem' in jaas) {
    note(KAFKA_KEYS.saslJaas.key, jaas.problem);
    return null;
  }
  if (jaas !== null && (values.saslUsername !== null || values.saslPassword !== null)) {
    note(
      KAFKA_KEYS.saslJaas.key,
      'says the user a second time: give either it or kafka.sasl.username and kafka.sasl.password',
    );
  }
  const username = jaas?.username ?? values.saslUsername;
  const password = jaas?.password ?? values.saslPassword;
  const missing = `is missing: kafka.security.protocol is ${values.securityProtocol}`;
  if (username === null) note(KAFKA_KEYS.saslUsername.key, missing);
  if (password === null) note(KAFKA_KEYS.saslPassword.key, missing);
  return { mechanism: values.saslMechanism, username: username ?? '', password: password ?? '' };
}

/**
 * `org.apache.kafka.common.security.scram.ScramLoginModule required username="…" password="…";`
 * (https://kafka.apache.org/documentation/#security_sasl_jaasconfig). Never shows any of it: it holds the password.
 */
function readJaas(
  config: string,
  mechanism: string,
): { readonly username: string; readonly password: string } | { readonly problem: string } {
  const wanted = mechanism === 'PLAIN' ? 'PlainLoginModule' : 'ScramLoginModule';
  const match = /^\s*([\w.$]+)\s+(?:required|requisite|sufficient|optional)\s+(.*?);?\s*$/is.exec(config);
  if (!match?.[1]?.endsWith(wanted)) {
    return {
      problem: `expected ${wanted} (for kafka.sasl.mechanism=${mechanism}) required username="…" password="…";`,
    };
  }
  const options = new Map<string, string>();
  for (const [, key = '', double, single, bare] of (match[2] ?? '').matchAll(
    /([\w.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;"']+))/g,
  )) {
    options.set(key, (double ?? single ?? bare ?? '').replaceAll(/\\(.)/g, '$1'));
  }
  const [username, password] = [options.get('username'), options.get('password')];
  if (username !== undefined && password !== undefined) return { username, password };
  return { problem: 'expected username="…" and password="…" in it' };
}

function tlsOf(values: KafkaSecurityValues, note: Note): KafkaSecurity['tls'] {
  const one = (...names: readonly Name[]): Name | null => {
    const set = names.filter((name) => values[name] !== null);
    const [first, second] = set;
    if (first !== undefined && second !== undefined) {
      note(KAFKA_KEYS[second].key, `says the same as "${KAFKA_KEYS[first].key}": give one of them`);
    }
    return first ?? null;
  };
  const pem = (name: Name | null): Pem | null => {
    const value = name === null ? null : values[name];
    if (name === null || value === null) return null;
    const { key } = KAFKA_KEYS[name];
    if (!key.endsWith('.location')) {
      if (!value.includes('-----BEGIN '))
        note(key, 'expected a PEM text (-----BEGIN …); for a file there is the key that ends in .location');
      return { text: value };
    }
    if (STORE.test(value)) note(key, `expected a PEM file, got a Java key store: ${KEYSTORE_ADVICE}`);
    return { file: value };
  };
  const ca = pem(one('kafkaCa', 'truststoreLocation', 'truststoreCertificates'));
  const certificateName = one('kafkaCertificate', 'keystoreLocation', 'keystoreCertificates');
  const keyName = one('kafkaKey', 'keystoreLocation', 'keystoreKey');
  if ((certificateName === null) !== (keyName === null)) {
    const [has, lacks] = certificateName === null ? [keyName, 'certificate'] : [certificateName, 'key'];
    if (has !== null) note(KAFKA_KEYS[has].key, `stands alone: the client ${lacks} is missing`);
  }
  return {
    ca,
    certificate: pem(certificateName),
    key: pem(keyName === certificateName ? certificateName : keyName),
    keyPassword: values.kafkaKeyPassword,
  };
}

const KEYSTORE_ADVICE = 'convert a Java store with keytool and openssl (openssl pkcs12 -in store.p12 -out store.pem)';
