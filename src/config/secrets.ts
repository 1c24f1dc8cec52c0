import { readFileSync } from 'node:fs';

/**
 * Replaces `${env:NAME}`, `${file:/path}` (the whole file, without a last line end) and `${file:/path:key}` (a line
 * `key=value` of it). Everything else, such as `${routedByValue}`, is left alone.
 */
export function resolveReferences(text: string): { readonly value: string } | { readonly problem: string } {
  let problem: string | null = null;
  const value = text.replaceAll(/\$\{(env|file):([^}]*)\}/g, (_, kind: string, what: string) => {
    const found = kind === 'env' ? process.env[what] : fromFile(what);
    if (found !== undefined) return found;
    problem = kind === 'env' ? `environment variable ${what} is not set` : `nothing is to be read at file ${what}`;
    return '';
  });
  return problem === null ? { value } : { problem };
}

function fromFile(what: string): string | undefined {
  const match = /^(.*?)(?::([^:/\\]+))?$/.exec(what);
  const [path, key] = [match?.[1] ?? what, match?.[2]];
  try {
    const content = readFileSync(path, 'utf8');
    if (key === undefined) return content.replace(/\r?\n$/, '');
    for (const line of content.split(/\r?\n/)) {
      const at = line.indexOf('=');
      if (at > 0 && line.slice(0, at).trim() === key) return line.slice(at + 1).trim();
    }
  } catch {
    // said by the caller, without the file's content
  }
  return undefined;
}
