/** `${env:NAME}` and `${file:/path[:key]}` in values: secrets stay out of the connector's file. */
import { messageOf } from '../errors.ts';
import { readText } from './file-text.ts';
import { PropertiesSyntaxError, readProperties } from './properties.ts';

export type Env = Readonly<Record<string, string | undefined>>;

export type Resolved =
  | { readonly value: string }
  /** `absent`: only what this machine lacks stands against it; on another it may be there. */
  | { readonly problem: string; readonly absent: boolean };

/**
 * Replaces every reference, also inside a longer value; what it brings in is not searched again. `${file:/path}` is the
 * whole file without a last line end, `${file:/path:key}` a line `key=value` of it, as Connect's FileConfigProvider.
 * `${routedByValue}` and the like (no colon) are left alone.
 */
export function resolveReferences(text: string, env: Env): Resolved {
  const problems: string[] = [];
  let absent = true;
  const value = text.replaceAll(/\$\{(\w+):([^}]*)\}/g, (whole, provider: string, what: string) => {
    const found = provider === 'env' ? fromEnv(what, env) : provider === 'file' ? fromFile(what) : stranger(provider);
    if ('value' in found) return found.value;
    problems.push(found.problem);
    absent &&= found.absent;
    return whole;
  });
  return problems.length === 0 ? { value } : { problem: problems.join('; '), absent };
}

function stranger(provider: string): Resolved {
  return wrong(`refers to a provider "${provider}": there are \${env:NAME} and \${file:/path[:key]}`);
}

function fromEnv(name: string, env: Env): Resolved {
  if (name === '') return wrong('refers to an environment variable without a name: expected ${env:NAME}');
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === undefined
    ? { problem: `refers to the environment variable "${name}", which is not set`, absent: true }
    : { value };
}

function fromFile(what: string): Resolved {
  // A key has no slash: in /a:b/c the colon belongs to the path.
  const [, path = '', key] = /^(.*?)(?::([^:/\\]+))?$/.exec(what) ?? [];
  let content: string;
  try {
    content = readText(path);
  } catch (error) {
    const absent = path !== '' && error instanceof Error && 'code' in error && ABSENT.includes(String(error.code));
    return { problem: `refers to a file that cannot be read: ${messageOf(error)}`, absent };
  }
  if (key === undefined) return { value: content.replace(/\r?\n$/, '') };
  try {
    const found = readProperties(content).findLast((property) => property.key === key);
    return found ?? wrong(`refers to the key "${key}" of file ${path}, which has no line ${key}=…`);
  } catch (error) {
    if (!(error instanceof PropertiesSyntaxError)) throw error;
    return wrong(`refers to a file that cannot be read: ${path}:${error.line}: no properties file`);
  }
}

const ABSENT = ['ENOENT', 'ENOTDIR', 'EACCES'];

function wrong(problem: string): Resolved {
  return { problem, absent: false };
}
