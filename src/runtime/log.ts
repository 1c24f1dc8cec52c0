import { Writable } from 'node:stream';
import pino from 'pino';
import type { Log, LogFields } from '../ports.ts';

const LEVELS: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR' };

/** Structured logs on standard error: JSON lines, or one readable line each on a terminal. */
export function createLog(options: { readonly level: string; readonly readable: boolean }): Log {
  const target = options.readable ? readable() : pino.destination({ dest: 2, sync: true });
  return wrap(pino({ level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, target));
}

/** The same log with fields that every line carries. */
export function childLog(log: Log, fields: LogFields): Log {
  const add = (more?: LogFields): LogFields => ({ ...fields, ...more });
  return {
    debug: (message, more) => log.debug(message, add(more)),
    info: (message, more) => log.info(message, add(more)),
    warn: (message, more) => log.warn(message, add(more)),
    error: (message, more) => log.error(message, add(more)),
  };
}

function wrap(logger: pino.Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  };
}

function readable(): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { level, time, msg, ...fields } = JSON.parse(String(chunk)) as Record<string, unknown>;
      const rest = Object.entries(fields).map(
        ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      process.stderr.write(
        `${String(time).slice(11, 23)} ${LEVELS[Number(level)] ?? ''} ${String(msg)}  ${rest.join(' ')}\n`,
      );
      done();
    },
  });
}
