/** Regular expressions for ranges of whole numbers: JSON Schema can compare numbers, but not their texts. */

/** Texts of the whole numbers from `min` to `max`, leading zeros and a plus sign included; without anchors. */
export function wholeNumbers(min: number, max: number): string {
  const parts: string[] = [];
  if (max >= 0) parts.push(String.raw`\+?0*(?:${upTo(Math.max(min, 0), max)})`);
  if (min < 0) parts.push(`-0*(?:${upTo(max < 0 ? -max : 1, -min)})`);
  if (min <= 0 && max >= 0) parts.push('-0+');
  return parts.join('|');
}

/** Decimal digits of `min` to `max`, neither below 0. */
function upTo(min: number, max: number): string {
  const parts: string[] = [];
  for (let from = min; from <= max; ) {
    const to = lastAlike(from, max);
    parts.push(digits(String(from), String(to)));
    from = to + 1;
  }
  return parts.join('|');
}

/** The last number up to `max` that differs from `from` in one digit and, behind it, in all that 0 to 9 may be. */
function lastAlike(from: number, max: number): number {
  let last = from;
  // With as many zeros at its end as `from` has, so many digits may be anything.
  for (let unit = 1; ; unit *= 10) {
    const digit = Math.floor(from / unit) % 10;
    for (let highest = 9; highest >= digit; highest--) {
      const to = from + (highest - digit) * unit + (unit - 1);
      if (to <= max && String(to).length === String(from).length) {
        last = Math.max(last, to);
        break;
      }
    }
    if (digit !== 0 || from < unit * 10) return last;
  }
}

function digits(from: string, to: string): string {
  const each = Array.from(from, (digit, at) => {
    const other = to[at] ?? digit;
    if (digit === other) return digit;
    return digit === '0' && other === '9' ? String.raw`\d` : `[${digit}-${other}]`;
  });
  return each.join('').replaceAll(/(?:\\d){2,}/g, (run) => String.raw`\d{${run.length / 2}}`);
}
