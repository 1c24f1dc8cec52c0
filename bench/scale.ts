/** From values to places on a vertical axis: pure. */
export interface Scale {
  /** Where lines are drawn. */
  readonly ticks: readonly number[];
  /** Of a value; between `low` and `high` of the axis for everything the scale was made for. */
  readonly y: (value: number) => number;
}

interface Axis {
  /** The coordinate of the axis' foot. */
  readonly low: number;
  readonly high: number;
}

/** From zero to a round number above the largest value. */
export function linearScale(values: readonly number[], axis: Axis): Scale {
  const largest = Math.max(...values, 0) || 1;
  const step = roundStep(largest / 4);
  const end = Math.ceil(largest / step - 1e-9) * step;
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
  return { ticks, y: (value) => axis.low + ((axis.high - axis.low) * value) / end };
}

/** From the power of ten below the smallest value to the one above the largest. */
export function logarithmicScale(values: readonly number[], axis: Axis): Scale {
  const positive = values.filter((value) => value > 0);
  const from = Math.floor(Math.log10(Math.min(...positive, 1e9)) - 1e-9);
  const first = positive.length === 0 ? 0 : from;
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...positive, 10 ** first)) - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  const share = (value: number): number => (Math.log10(Math.max(value, 10 ** first)) - first) / (last - first);
  return { ticks, y: (value) => axis.low + (axis.high - axis.low) * share(value) };
}

/** 1, 2 or 5 times a power of ten, at least as large as what is given. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10);
}
