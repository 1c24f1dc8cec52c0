/**
 * Numbers as Java writes them: headers of Debezium are `Double.toString`, `Float.toString` and `BigDecimal.toString`,
 * and a consumer that compares text must not see the difference
 * (https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Double.html#toString(double)).
 */

/** `Double.toString` of Java 19 and newer: the shortest digits that give the same number, at least two of them. */
export function javaDouble(value: number): string {
  return special(value) ?? layOut(value, shortestOf(value));
}

/** `Float.toString`: the shortest digits that give the same 32-bit number. */
export function javaFloat(value: number): string {
  return special(value) ?? layOut(value, shortestFloatOf(value));
}

/** `BigDecimal.toString` of a decimal in plain text: very small ones turn to scientific notation. */
export function javaDecimal(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (!match) return text;
  const [, sign = '', whole = '', fraction = ''] = match;
  const digits = `${whole}${fraction}`.replace(/^0+(?=\d)/, '');
  const exponent = digits.length - 1 - fraction.length;
  if (fraction.length === 0 || exponent >= -6) return text;
  const rest = digits.slice(1);
  return `${sign}${digits.charAt(0)}${rest === '' ? '' : `.${rest}`}E${exponent}`;
}

function special(value: number): string | null {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  return null;
}

/** Digits in JavaScript's exponential form; Java takes the closest of two digits where one would do. */
function shortestOf(value: number): string {
  const shortest = value.toExponential();
  return shortest.includes('.') ? shortest : value.toExponential(1);
}

function shortestFloatOf(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const candidate = value.toExponential(digits);
    if (Math.fround(Number(candidate)) === value) return candidate;
  }
  return value.toExponential(8);
}

/** From 10^-3 to below 10^7 with a decimal point, else in scientific notation. */
function layOut(value: number, exponential: string): string {
  const [mantissa = '', power = '0'] = exponential.split('e');
  const exponent = Number(power);
  const sign = value < 0 ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '').replace(/0+$/, '') || '0';
  if (exponent < -3 || exponent >= 7) return `${sign}${digits.charAt(0)}.${digits.slice(1) || '0'}E${exponent}`;
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}
