/** Kafka's own jars from Maven Central, downloaded once per user. */
import { requireJava } from './java.ts';
import { mavenFolder } from './maven-folder.ts';

export const OWN_KAFKA = 'or set MILLRACE_KAFKA=host:port to use a Kafka of your own';

/** The folder with the jars of a version; complete or not there at all. `say` hears how a download goes. */
export async function kafkaJars(version: string, say: (line: string) => void): Promise<string> {
  await requireJava(OWN_KAFKA);
  return mavenFolder(
    {
      folder: `kafka-${version}`,
      name: `Kafka ${version}`,
      megabytes: 54,
      // What Maven fetches into an empty repository: jars, their poms, and the plugins that do the copying.
      aboutFiles: 540,
      artifacts: [
        { group: 'org.apache.kafka', artifact: 'kafka_2.13', version },
        { group: 'org.apache.kafka', artifact: 'kafka-tools', version },
        { group: 'org.slf4j', artifact: 'slf4j-simple', version: '1.7.36' },
      ],
      wayRound: OWN_KAFKA,
    },
    say,
  );
}
