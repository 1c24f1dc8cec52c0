/** Loads modules of the user's own and calls their factories. What is faulty is named. */
import { pathToFileURL } from 'node:url';
import type { ModuleReference } from '../config/plugin-path.ts';
import { MillraceError, messageOf } from '../errors.ts';
import type { ConverterContext, PluginContext } from '../plugin.ts';
import { failure, guarded } from '../transform/user-module.ts';

/** What a factory makes has to have. */
export type Method = 'apply' | 'test' | 'toBytes';

export interface Loaded<T> {
  /** `transforms.upper (upper.ts)`, for errors. */
  readonly name: string;
  readonly instance: T;
}

/** `transforms.upper (upper.ts)`. */
export function nameOf(module: ModuleReference): string {
  return `${module.name} (${module.path})`;
}

/**
 * Imports the module, once per process, and calls its default export with the options. Throws `config`, with the
 * message of whatever went wrong: at this point there are no rows that it could hold.
 */
export async function load<T>(
  module: ModuleReference,
  method: Method,
  extra: Omit<ConverterContext, keyof PluginContext> | null = null,
): Promise<Loaded<T>> {
  const name = nameOf(module);
  const wrong = (text: string, cause?: unknown): MillraceError =>
    new MillraceError('config', `${name}: ${text}`, cause === undefined ? {} : { cause });
  let exports: { readonly default?: unknown };
  try {
    exports = (await import(pathToFileURL(module.file).href)) as { readonly default?: unknown };
  } catch (error) {
    throw wrong(`cannot be loaded: ${described(error)}`, error);
  }
  // A CommonJS module that was compiled from a default export holds it one deeper.
  const inner = exports.default as { readonly default?: unknown } | undefined;
  const factory = typeof inner === 'object' && inner !== null && 'default' in inner ? inner.default : inner;
  if (typeof factory !== 'function') {
    throw wrong(`expected a function as default export, got ${factory === undefined ? 'none' : `a ${typeof factory}`}`);
  }
  const context: PluginContext = {
    name: module.name,
    fail: (message: string): never => {
      throw failure(name, message);
    },
  };
  let instance: unknown;
  try {
    instance = (factory as (options: unknown, context: unknown) => unknown)(module.options, {
      ...context,
      ...extra,
    });
  } catch (error) {
    if (error instanceof MillraceError) throw new MillraceError('config', error.message, { cause: error });
    throw wrong(`its factory threw ${described(error)}`, error);
  }
  if (instance instanceof Promise) {
    instance.catch(() => {});
    throw wrong('its factory gave a promise: it has to be synchronous (await at the top of the module instead)');
  }
  if (typeof (instance as Record<string, unknown> | null)?.[method] !== 'function') {
    throw wrong(`its factory gave no object with ${method}()`);
  }
  return { name, instance: instance as T };
}

/** Calls `close`, if there is one. */
export function close({ name, instance }: Loaded<{ close?(): void }>): void {
  guarded(name, () => instance.close?.());
}

function described(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${messageOf(error)}` : String(error);
}
