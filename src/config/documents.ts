/** Connectors that are objects already, for a program that runs Millrace itself. */
import { MillraceError } from '../errors.ts';
import { type ConnectorConfig, checkConnector } from './connector.ts';
import { clashes } from './connectors.ts';
import { type Mistake, mistakesError } from './mistake.ts';
import type { Surroundings } from './given.ts';

/** Throws one `config` error that lists every mistake in all of them. */
export function parseConnectors(documents: readonly unknown[], outside: Surroundings): ConnectorConfig[] {
  if (documents.length === 0) throw new MillraceError('config', 'which connector? Give at least one configuration');
  const mistakes: Mistake[] = [];
  const found: { readonly path: string; readonly config: ConnectorConfig }[] = [];
  for (const [index, document] of documents.entries()) {
    const path = documents.length === 1 ? null : `configuration ${index + 1}`;
    const checked = checkConnector(textOf(document, path), null, outside);
    if ('config' in checked) found.push({ path: path ?? '', config: checked.config });
    // Lines and columns are those of a text that the caller has never seen.
    else mistakes.push(...checked.mistakes.map((each) => ({ ...each, source: path, line: null, column: null })));
  }
  mistakes.push(...clashes(found));
  if (mistakes.length > 0) throw mistakesError(mistakes);
  return found.map(({ config }) => config);
}

function textOf(document: unknown, path: string | null): string {
  try {
    return JSON.stringify(document) ?? 'null';
  } catch (error) {
    const name = path ?? 'the configuration';
    throw new MillraceError('config', `${name} cannot be written as JSON: expected texts, numbers, true and false`, {
      cause: error,
    });
  }
}
