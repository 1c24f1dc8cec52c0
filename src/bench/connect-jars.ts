/** Kafka Connect and Debezium from Maven Central, downloaded once per user. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireJava } from '../demo/java.ts';
import { KAFKA_VERSION } from '../demo/kafka-server.ts';
import { mavenFolder } from '../demo/maven-folder.ts';
import { MillraceError } from '../errors.ts';

export const DEBEZIUM_VERSION = '3.4.3.Final';
const WAY_ROUND = 'or measure Millrace alone, without --peer';

export interface ConnectJars {
  /** Of the worker. */
  readonly libs: string;
  /** For plugin.path. */
  readonly plugins: string;
  readonly javaVersion: string;
}

/** Complete or not there at all. Throws `config` without Java or Maven, or when the download fails. */
export async function connectJars(say: (line: string) => void): Promise<ConnectJars> {
  const javaVersion = await requireJava(WAY_ROUND);
  const folder = await mavenFolder(
    {
      folder: `connect-${KAFKA_VERSION}-debezium-${DEBEZIUM_VERSION}`,
      name: `Debezium ${DEBEZIUM_VERSION} and Kafka Connect ${KAFKA_VERSION}`,
      megabytes: 38,
      aboutFiles: 450,
      artifacts: [
        ...['connect-runtime', 'connect-json', 'connect-transforms'].map((artifact) => {
          return { group: 'org.apache.kafka', artifact, version: KAFKA_VERSION };
        }),
        { group: 'org.slf4j', artifact: 'slf4j-simple', version: '1.7.36' },
        {
          group: 'io.debezium',
          artifact: 'debezium-connector-postgres',
          version: DEBEZIUM_VERSION,
          archive: { type: 'tar.gz', classifier: 'plugin' },
        },
      ],
      wayRound: WAY_ROUND,
      finish: unpackPlugin,
    },
    say,
  );
  return { libs: folder, plugins: join(folder, 'plugins'), javaVersion };
}

async function unpackPlugin(libs: string): Promise<void> {
  const archive = readdirSync(libs).find((name) => name.endsWith('.tar.gz'));
  if (archive === undefined) throw new MillraceError('config', `Maven brought no plugin of Debezium, ${WAY_ROUND}`);
  const plugins = join(libs, 'plugins');
  mkdirSync(plugins);
  try {
    await promisify(execFile)('tar', ['-xzf', join(libs, archive), '-C', plugins]);
  } catch (error) {
    throw new MillraceError('config', `tar cannot unpack ${archive}: is tar with gzip installed?`, { cause: error });
  }
  rmSync(join(libs, archive));
}
