/** Kafka's own Java consumer with isolation level read_committed: a reader that shares no line with ours. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { kafkaJars } from '../../src/demo/kafka-jars.ts';
import { keepText } from './output.ts';

const VERSION = '4.3.1';

export interface ConsumedRecord {
  readonly key: string;
  readonly value: string;
}

/** Reads the topics that match until nothing has come for a while. */
export async function consumeCommitted(bootstrap: string, topics: RegExp): Promise<readonly ConsumedRecord[]> {
  const folder = await kafkaJars(VERSION, (line) => process.stderr.write(`${line}\n`));
  const java = [
    ['-cp', join(folder, '*'), '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'],
    ['org.apache.kafka.tools.consumer.ConsoleConsumer', '--bootstrap-server', bootstrap, '--from-beginning'],
    ['--include', topics.source, '--isolation-level', 'read_committed', '--timeout-ms', '5000'],
    ['--formatter-property', 'print.key=true'],
  ];
  const child = spawn('java', java.flat(), { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, errors] = [collect(child.stdout), collect(child.stderr)];
  await new Promise((resolve) => child.once('close', resolve));
  const lines = (await out).split('\n').filter((line) => line !== '');
  // It ends with an error, the time-out; only the number it names tells that it came so far.
  const total = /Processed a total of (\d+) messages/.exec(await errors)?.[1];
  if (Number(total) !== lines.length) throw new Error(`the Java consumer failed:\n${await errors}`);
  return lines.map((line) => {
    const tab = line.indexOf('\t');
    return { key: line.slice(0, tab), value: line.slice(tab + 1) };
  });
}

async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return keepText(Buffer.concat(chunks).toString('utf8'), 'console-consumer');
}
