/** Figures as text for a terminal: pure. */
import {
  CONTESTANTS,
  type Contestant,
  type Figure,
  GROUPS,
  type Group,
  MEASURES,
  type Report,
  aheadOf,
} from './figures.ts';
import type { Spread } from './spread.ts';

/** Those that race; the others show limits and stand in a table of their own. */
const RACERS: readonly Contestant[] = ['millrace', 'debezium', 'debezium-default'];

export interface TitledRows {
  readonly title: string;
  /** Cells, heading first. */
  readonly rows: readonly (readonly string[])[];
}

/** One table a group, with a column for each racing side that has a figure in it; then the limits. */
export function titledRows({ figures }: Pick<Report, 'figures'>): readonly TitledRows[] {
  const groups = (Object.keys(GROUPS) as Group[]).map((group) => ({
    title: GROUPS[group],
    figures: figures.filter((figure) => figure.group === group),
    sides: RACERS,
  }));
  const limits = {
    title: 'The ceiling, and a Unix socket',
    figures: limitsIn(figures),
    sides: Object.keys(CONTESTANTS),
  };
  return [...groups, limits]
    .filter((each) => each.figures.length > 0)
    .map(({ title, figures: shown, sides }) => ({
      title,
      rows: rowsOf(
        shown,
        presentIn(shown).filter((each) => sides.includes(each)),
      ),
    }));
}

/** Drains beside those that only show how fast it could go at most; of memory there is nothing to compare. */
function limitsIn(figures: readonly Figure[]): Figure[] {
  return figures
    .filter(({ group, measure }) => group === 'drain' && measure !== 'memory')
    .map((figure) => {
      const { debezium: _, 'debezium-default': __, ...results } = figure.results;
      return { ...figure, results };
    })
    .filter(({ results }) => Object.keys(results).some((each) => each !== 'millrace'));
}

/** The cells of a group's table, heading first. */
export function rowsOf(
  figures: readonly Figure[],
  contestants: readonly Contestant[] = presentIn(figures),
): string[][] {
  const compares = figures.some((figure) => aheadOf(figure) !== null);
  const heading = ['', '', ...contestants.map((each) => CONTESTANTS[each]), ...(compares ? ['Millrace is'] : [])];
  let before = '';
  const rows = figures.map((figure) => {
    const { condition, measure, results } = figure;
    const shown = condition === before ? '' : condition;
    before = condition;
    const { label, unit } = MEASURES[measure];
    const cells = contestants.map((each) => spreadText(results[each], MEASURES[measure].digits));
    return [shown, `${label}, ${unit}`, ...cells, ...(compares ? [aheadText(aheadOf(figure))] : [])];
  });
  return [heading, ...rows];
}

/** Those that any of the figures has, in the order of their declaration. */
export function presentIn(figures: readonly Figure[]): Contestant[] {
  return (Object.keys(CONTESTANTS) as Contestant[]).filter((each) => figures.some(({ results }) => results[each]));
}

/** `93,327 (90,112..95,003)`; one run alone has no spread. */
export function spreadText(spread: Spread | undefined, digits: number): string {
  if (spread === undefined) return '-';
  const text = (value: number): string => grouped(value, digits);
  if (spread.values.length < 2) return text(spread.median);
  return `${text(spread.median)} (${text(spread.min)}..${text(spread.max)})`;
}

function aheadText(ahead: number | null): string {
  if (ahead === null) return '';
  if (Math.max(ahead, 1 / ahead) < 1.05) return 'the same';
  return ahead > 1 ? `${ahead.toFixed(ahead < 10 ? 1 : 0)} x better` : `${(1 / ahead).toFixed(1)} x worse`;
}

/** With commas between thousands, as everywhere in the documents. */
export function grouped(value: number, digits: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => {
      const cells = row.map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      );
      return `  ${cells.join('  ')}`.trimEnd();
    })
    .join('\n');
}

/** All that a terminal shows at the end. */
export function reportText(report: Report): string {
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`);
  const { rows: backlog, payloadBytes, rounds, seconds } = report.settings;
  return [
    '',
    ...titledRows(report).flatMap(({ title, rows }) => [title, '', aligned(rows), '']),
    `${report.machine}; ${versions.join(', ')}`,
    `${backlog} rows of ${payloadBytes} bytes, latency over ${seconds} s; medians of ${rounds} runs (lowest..highest); ${report.minutes} minutes`,
    ...(report.quick ? ['A quick run shows that it works; its figures say little.'] : []),
    ...report.failures.map(({ part, reason }) => `FAILED ${part}: ${reason}`),
    '',
  ].join('\n');
}
