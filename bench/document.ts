/** The figures as a part of docs/performance.md: pure. */
import { CONTESTANTS, MEASURES, type Report } from '../src/bench/figures.ts';
import { spreadText, titledRows } from '../src/bench/table.ts';
import { MillraceError } from '../src/errors.ts';

const BEGIN = '<!-- figures: written by npm run bench, not by hand -->';
const END = '<!-- end of figures -->';
const PEERS = ['debezium', 'debezium-default'] as const;

/** The document with the figures of a report in the place of those before. Throws when it has no such place. */
export function withFigures(document: string, report: Report): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new MillraceError('config', `docs/performance.md has no place for figures: expected "${BEGIN}" and "${END}"`);
  }
  return `${document.slice(0, begin + BEGIN.length)}\n\n${figuresInMarkdown(report)}\n\n${document.slice(end)}`;
}

function figuresInMarkdown(report: Report): string {
  const { rows, payloadBytes, rounds, seconds } = report.settings;
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `Measured on ${report.takenAt.slice(0, 10)}, in ${report.minutes} minutes, on ${report.machine}.`,
    'PostgreSQL, Kafka, what is measured and the benchmark share them.',
    `${versions.join(', ')}.`,
    `${Number(rows).toLocaleString('en-US')} rows of ${payloadBytes} bytes a backlog, latency over ${seconds} s.`,
    `Medians of ${rounds} runs in turns, the lowest and the highest in parentheses.`,
    '"Millrace is" compares medians with those of the tuned peer.',
    '',
    '![The figures below as bars](performance.svg)',
    '',
    ...behind(report),
    ...titledRows(report).flatMap(({ title, rows: cells }) => [`### ${title}`, '', ...markdown(cells), '']),
  ]
    .join('\n')
    .trimEnd();
}

/** Said first, whatever it is: wherever one of the peer's set-ups is better than Millrace. */
function behind(report: Report): string[] {
  const lines = report.figures.flatMap((figure) => {
    const { condition, measure, results } = figure;
    const { label, unit, digits, better } = MEASURES[measure];
    const { millrace } = results;
    return PEERS.flatMap((peer) => {
      const theirs = results[peer];
      if (!millrace || !theirs) return [];
      const ahead = better === 'higher' ? theirs.median > millrace.median : theirs.median < millrace.median;
      if (!ahead) return [];
      return [
        `- ${condition}, ${label}: ${CONTESTANTS[peer]} ${spreadText(theirs, digits)} ${unit}, Millrace ${spreadText(millrace, digits)} ${unit}`,
      ];
    });
  });
  if (!report.figures.some((figure) => PEERS.some((peer) => figure.results[peer]))) return [];
  if (lines.length === 0) return ['Where Debezium is ahead: in none of these figures.', ''];
  return ['Where Debezium is ahead:', '', ...lines, ''];
}

/** A table as the formatter wants it: cells of a column are equally wide. */
function markdown(rows: readonly (readonly string[])[]): string[] {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(3, ...escaped.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const lines = escaped.map((row) =>
    line(
      row.map((cell, column) =>
        isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      ),
    ),
  );
  const rule = line(widths.map((width, column) => (isText(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)));
  return [...lines.slice(0, 1), rule, ...lines.slice(1)];
}

function isText(column: number): boolean {
  return column < 2;
}
