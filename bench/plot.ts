/** The figures as a picture (SVG 1.1, no scripts, no fonts of its own): bars of medians, whiskers from lowest to highest. */
import { CONTESTANTS, type Contestant, type Figure, MEASURES, type Report } from '../src/bench/figures.ts';
import { grouped } from '../src/bench/table.ts';
import { type Scale, linearScale, logarithmicScale } from './scale.ts';

const RACERS = ['millrace', 'debezium', 'debezium-default'] as const satisfies readonly Contestant[];
const PANEL = { width: 460, height: 270 };
/** Of the area with the bars within a panel. */
const AREA = { left: 80, right: 12, top: 36, bottom: 46 };
const COLUMNS = 2;
const HEAD = 64;
const BAR_GAP = 3;
const WIDEST_BAR = 40;

/** Chosen to be told apart by everybody, on white and on black. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 14px }
  .value { font-size: 10px }
  .faint { fill: #57606a }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .whisker { stroke: #24292f; stroke-width: 1.2; fill: none }
  .millrace { fill: #0a6fc2 }
  .debezium { fill: #d9730d }
  .debezium-default { fill: #efb47c }
  .background { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .faint { fill: #9198a1 }
    .grid { stroke: #3d444d }
    .whisker { stroke: #e6edf3 }
    .millrace { fill: #4aa3f0 }
    .debezium { fill: #e8883a }
    .debezium-default { fill: #8f5a2b }
    .background { fill: #0d1117 }
  }`;

interface Panel {
  readonly title: string;
  readonly axis: string;
  readonly scale: 'linear' | 'logarithmic';
  readonly figures: readonly Figure[];
  /** Of a group of bars, in up to two lines. */
  readonly label: (figure: Figure) => readonly string[];
}

/** The whole picture; panels without figures are left out. */
export function plot(report: Pick<Report, 'figures' | 'machine'>): string {
  const panels = panelsOf(report.figures).filter(({ figures }) => figures.length > 0);
  const rows = Math.ceil(panels.length / COLUMNS);
  const width = PANEL.width * COLUMNS;
  const height = HEAD + rows * PANEL.height;
  const shown = RACERS.filter((each) => panels.some(({ figures }) => figures.some(({ results }) => results[each])));
  const body = panels.map((panel, index) => {
    const [x, y] = [(index % COLUMNS) * PANEL.width, HEAD + Math.floor(index / COLUMNS) * PANEL.height];
    return `<g transform="translate(${x} ${y})">${panelPicture(panel)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
<title id="title">${escaped(`${shown.map((each) => CONTESTANTS[each]).join(', ')}: measured side by side`)}</title>
<style>${STYLE}
</style>
<rect class="background" width="${width}" height="${height}"/>
${legend(shown)}
${text(16, 50, `medians, whiskers from the lowest to the highest run; ${report.machine}`, 'faint')}
${body.join('\n')}
</svg>
`;
}

function panelsOf(figures: readonly Figure[]): readonly Panel[] {
  const of = (group: Figure['group'], measure: Figure['measure']): Figure[] =>
    figures.filter((each) => {
      const warm = !each.condition.includes('first run');
      return each.group === group && each.measure === measure && (warm || group === 'times');
    });
  const lines = ({ condition }: Figure): string[] => {
    const [, number = '', rest = condition] = /^([\d,]+) (.*)$/.exec(condition) ?? [];
    return number === '' ? inTwo(condition) : [number, rest];
  };
  const panel = (title: string, axis: string, scale: Panel['scale'], of_: readonly Figure[]): Panel => {
    return { title, axis, scale, figures: of_, label: lines };
  };
  return [
    panel('Draining a backlog (higher is better)', 'events a second', 'linear', of('drain', 'rate')),
    panel('CPU of it (lower is better)', 'µs an event', 'linear', of('drain', 'cpu')),
    panel('Commit to visible, median (lower is better)', 'ms, logarithmic', 'logarithmic', of('latency', 'p50')),
    panel(
      'Commit to visible, 99th percentile (lower is better)',
      'ms, logarithmic',
      'logarithmic',
      of('latency', 'p99'),
    ),
    panel('CPU at that rate (lower is better)', 'µs an event, logarithmic', 'logarithmic', of('latency', 'cpu')),
    panel('Peak memory at that rate (lower is better)', 'MB', 'linear', of('latency', 'memory')),
    panel('Peak memory of draining (lower is better)', 'MB', 'linear', of('drain', 'memory')),
    panel('Until events flow (lower is better)', 'seconds', 'linear', of('times', 'time')),
  ];
}

function panelPicture({ title, axis, scale: kind, figures, label }: Panel): string {
  const plotted = figures.map(({ measure, results }) => {
    const bars = RACERS.flatMap((contestant) => {
      const spread = results[contestant];
      return spread ? [{ contestant, spread, text: grouped(spread.median, digitsFor(spread.median, measure)) }] : [];
    });
    return bars;
  });
  const values = plotted.flat().flatMap(({ spread }) => [spread.min, spread.max]);
  const [top, bottom] = [AREA.top, PANEL.height - AREA.bottom];
  const makeScale = kind === 'linear' ? linearScale : logarithmicScale;
  const scale: Scale = makeScale(values, { low: bottom, high: top + 14 });
  const right = PANEL.width - AREA.right;
  const slot = (right - AREA.left) / Math.max(1, figures.length);
  const grid = scale.ticks.map(
    (tick) =>
      `<line class="grid" x1="${AREA.left}" x2="${right}" y1="${at(scale.y(tick))}" y2="${at(scale.y(tick))}"/>` +
      text(AREA.left - 6, scale.y(tick) + 4, grouped(tick, tick < 1 && tick > 0 ? 1 : 0), 'faint', 'end'),
  );
  const groups = plotted.map((bars, index) => {
    const barWidth = Math.min(WIDEST_BAR, (slot - 20) / Math.max(1, bars.length) - BAR_GAP);
    const left = AREA.left + slot * index + (slot - bars.length * (barWidth + BAR_GAP) + BAR_GAP) / 2;
    const drawn = bars.map(({ contestant, spread, text: value }, place) => {
      const [x, y] = [left + place * (barWidth + BAR_GAP), scale.y(spread.median)];
      const [center, high, low] = [x + barWidth / 2, scale.y(spread.max), scale.y(spread.min)];
      const bar = `<rect class="${contestant}" x="${at(x)}" y="${at(y)}" width="${at(barWidth)}" height="${at(bottom - y)}"/>`;
      const whisker = `<path class="whisker" d="M${at(center - 4)} ${at(high)}h8m-4 0V${at(low)}m-4 0h8"/>`;
      return bar + (spread.values.length > 1 ? whisker : '') + text(center, high - 4, value, 'value', 'middle');
    });
    const names = figures[index] ? label(figures[index]) : [];
    const middle = AREA.left + slot * (index + 0.5);
    return (
      drawn.join('') + names.map((name, line) => text(middle, bottom + 17 + line * 15, name, '', 'middle')).join('')
    );
  });
  const axisY = (top + bottom) / 2;
  return [
    text(16, 20, title, 'title'),
    ...grid,
    ...groups,
    `<text class="faint" transform="translate(18 ${at(axisY)}) rotate(-90)" text-anchor="middle">${escaped(axis)}</text>`,
  ].join('\n');
}

/** Small values keep a digit more than large ones, so that labels stay short. */
function digitsFor(value: number, measure: Figure['measure']): number {
  return value >= 100 ? 0 : Math.min(1, MEASURES[measure].digits);
}

function legend(shown: readonly (typeof RACERS)[number][]): string {
  let x = 16;
  return shown
    .map((each) => {
      const name = CONTESTANTS[each];
      const mark = `<rect class="${each}" x="${x}" y="16" width="14" height="14"/>${text(x + 20, 28, name, '')}`;
      x += 44 + name.length * 7;
      return mark;
    })
    .join('');
}

/** `first start to first event` over two lines. */
function inTwo(words: string): string[] {
  const [first = '', rest] = words.split(/ (?=to )/);
  return rest === undefined ? [first] : [first, rest];
}

function text(x: number, y: number, content: string, style: string, anchor = 'start'): string {
  const look = style === '' ? '' : ` class="${style}"`;
  return `<text${look} x="${at(x)}" y="${at(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
