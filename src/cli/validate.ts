/** `millrace validate`: every mistake in files of connectors, without a connection to anything. */
import {
  type CheckedFiles,
  SHARED,
  checkConnectors,
  sharedValues,
  strayVariables,
  variableFor,
} from '../config/connectors.ts';
import { type Mistake, formatMistake } from '../config/mistake.ts';
import { MillraceError } from '../errors.ts';
import { parseArguments } from './arguments.ts';
import { coloursFor } from './colour.ts';
import { type Edge, EXIT } from './edge.ts';

export const VALIDATE_HELP = `millrace validate FILE|FOLDER… [--strict-env] [--json] [--KEY VALUE …]

Checks connectors without connecting to anything and says every mistake at once: file, line and column, key, what was
expected, the nearest known key, a value that is right. A folder means all its .json files, - is standard input. Files
that are run together are checked together: their names, slots and producers have to differ.

  --strict-env       a \${env:NAME} that is not set here, or a file of \${file:/path} that is not there, is a mistake, as
                     it is to "millrace run"; otherwise it is noted, and what such a value may be is not checked
  --json             the result as JSON on standard output
  --KEY VALUE        as with "millrace run": a key for all connectors, also ${variableFor('kafka.bootstrap.servers')}
                     and the like in the environment

  millrace validate connectors/postgres-outbox.json
  millrace validate /etc/millrace --strict-env --kafka.bootstrap.servers kafka:9092
  envsubst < orders.json | millrace validate -
  millrace validate --json connectors/*.json | jq '.mistakes[] | {file, line, key}'

Exit codes: 0 no mistake, 2 mistakes, or a mistake of usage.
`;

/** Resolves with the exit code. */
export async function validate(edge: Edge): Promise<number> {
  const { values, switches, positionals, help } = parseArguments(edge.args, {
    options: SHARED,
    switches: ['json', 'strict-env'],
    help: VALIDATE_HELP,
  });
  if (help) {
    edge.stdout.write(VALIDATE_HELP);
    return EXIT.ok;
  }
  if (positionals.length === 0) {
    throw new MillraceError('config', `which connector? Give a file or a folder.\n\n${VALIDATE_HELP}`);
  }
  const checked = checkConnectors(positionals, {
    shared: sharedValues(values, edge.env),
    env: edge.env,
    absent: switches.has('strict-env') ? 'mistake' : 'open',
  });
  edge.stdout.write(switches.has('json') ? asJson(checked) : inWords(checked, edge));
  return checked.mistakes.length === 0 ? EXIT.ok : EXIT.usage;
}

function inWords({ paths, found, mistakes, open }: CheckedFiles, edge: Edge): string {
  const { good, bad, warning, faint } = coloursFor(edge.stdout, edge.env);
  const lines = strayVariables(edge.env).map(
    ({ name, near }) =>
      `${warning('note')} the environment variable ${name} sets nothing${near === null ? '' : `; did you mean ${near}?`}`,
  );
  const wrong = new Set(mistakes.map((mistake) => mistake.source));
  for (const { path, config } of found) {
    if (!wrong.has(path)) lines.push(`${good('ok')} ${path}: connector "${config.name}"`);
  }
  for (const each of byFile(open)) lines.push(`${warning('not checked')} ${formatMistake(each)}`);
  for (const mistake of byFile(mistakes)) {
    lines.push(`${bad('mistake')} ${formatMistake(mistake)}`);
    const example = exampleOf(mistake);
    if (example !== null) lines.push(faint(`    for example ${example}`));
  }
  const files = `${paths.length} ${paths.length === 1 ? 'file' : 'files'}`;
  const count = mistakes.length === 1 ? 'one mistake' : `${mistakes.length || 'no'} mistakes`;
  const notes = open.length === 0 ? '' : `, ${open.length} not checked`;
  lines.push(`${files}, ${count}${notes}`);
  return `${lines.join('\n')}\n`;
}

/** File by file, each from top to bottom; what has no place comes last. */
function byFile(mistakes: readonly Mistake[]): Mistake[] {
  const files = Map.groupBy(mistakes, (mistake) => mistake.source);
  return [...files.values()].flatMap((of) => of.toSorted(byPlace));
}

function byPlace(a: Mistake, b: Mistake): number {
  const last = Number.POSITIVE_INFINITY;
  const [line, other] = [a.line ?? last, b.line ?? last];
  return line === other ? (a.column ?? 0) - (b.column ?? 0) : line - other;
}

/** As it stands in a file. */
function exampleOf({ key, near, example }: Mistake): string | null {
  if (key === null || example === undefined) return null;
  return `${JSON.stringify(near ?? key)}: ${JSON.stringify(example)}`;
}

function asJson({ paths, found, mistakes, open }: CheckedFiles): string {
  const result = {
    valid: mistakes.length === 0,
    files: paths,
    connectors: found.map(({ path, config }) => ({ file: path, name: config.name })),
    mistakes: byFile(mistakes).map(({ source, line, column, key, text, near, example }) => ({
      file: source,
      line,
      column,
      key,
      problem: text,
      near: near ?? null,
      example: example ?? null,
    })),
    notChecked: byFile(open).map(({ source, line, column, key, text }) => ({
      file: source,
      line,
      column,
      key,
      reason: text,
    })),
  };
  return `${JSON.stringify(result, null, 2)}\n`;
}
