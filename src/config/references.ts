/** `${env:NAME}` and `${file:/path[:key]}` in values: secrets stay out of the connector's file. */
import { readFileSync } from 'node:fs';
import { messageOf } from '../errors.ts';
import { PropertiesSyntaxError, readProperties } from './properties.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Replaces every reference, also inside a longer value; what it brings in is not searched again. `${file:/path}` is the
 * whole file without a last line end, `${file:/path:key}` a line `key=value` of it, as Connect's FileConfigProvider.
 * `${routedByValue}` and the like (no colon) are left alone.
 */
export function resolveReferences(text: string, env: Env): { readonly value: string } | { readonly problem: string } {
  const problems: string[] = [];
  const value = text.replaceAll(/\$\{(\w+):([^}]*)\}/g, (whole, provider: string, what: string) => {
    const found = provider === 'env' ? fromEnv(what, env) : provider === 'file' ? fromFile(what) : stranger(provider);
    if ('value' in found) return found.value;
    problems.push(found.problem);
    return whole;
  });
  return problems.length === 0 ? { value } : { problem: problems.join('; ') };
}

type Found = { readonly value: string } | { readonly problem: string };

function stranger(provider: string): Found {
  return { problem: `refers to a provider "${provider}": there are \${env:NAME} and \${file:/path[:key]}` };
}

function fromEnv(name: string, env: Env): Found {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === undefined
    ? { problem: `refers to the environment variable "${name}", which is not set` }
    : { value };
}

function fromFile(what: string): Found {
  // A key has no slash: in /a:b/c the colon belongs to the path.
  const [, path = '', key] = /^(.*?)(?::([^:/\\]+))?$/.exec(what) ?? [];
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    return { problem: `refers to a file that cannot be read: ${messageOf(error)}` };
  }
  if (key === undefined) return { value: content.replace(/\r?\n$/, '') };
  try {
    const found = readProperties(content).findLast((property) => property.key === key);
    return found ?? { problem: `refers to the key "${key}" of file ${path}, which has no line ${key}=…` };
  } catch (error) {
    if (!(error instanceof PropertiesSyntaxError)) throw error;
    return { problem: `refers to a file that cannot be read: ${path}:${error.line}: no properties file` };
  }
}
