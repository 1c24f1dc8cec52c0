import pino from 'pino';
import type { Log, LogFields } from '../ports.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function isLogLevel(word: string): word is LogLevel {
  return LOG_LEVELS.some((level) => level === word);
}

/** Structured logs: a JSON object a line, or one readable line each for a terminal. */
export function createLog(options: {
  readonly level: LogLevel;
  readonly readable: boolean;
  readonly write: (line: string) => void;
}): Log {
  const { level, readable, write } = options;
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (name) => ({ level: name }) } },
    { write: readable ? (line: string) => write(readableLine(line)) : write },
  );
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}

/** The same log with fields that every line carries, as they are at that moment. */
export function childLog(log: Log, fields: () => LogFields): Log {
  const add = (more?: LogFields): LogFields => ({ ...fields(), ...more });
  return {
    debug: (message, more) => log.debug(message, add(more)),
    info: (message, more) => log.info(message, add(more)),
    warn: (message, more) => log.warn(message, add(more)),
    error: (message, more) => log.error(message, add(more)),
  };
}

function readableLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const name = LOUD[String(level)] ?? String(level);
  return `${[String(time).slice(11, 23), name.padEnd(5), String(msg), ...rest].join(' ')}\n`;
}

/** So that they stand out among the others. */
const LOUD: Readonly<Record<string, string>> = { warn: 'WARN', error: 'ERROR' };
