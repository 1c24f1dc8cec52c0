/** `${…}` in a Debezium Server's properties (SmallRye Config) to what our values can refer to. */
import type { Property } from './properties.ts';

export interface Expression {
  readonly text: string;
  /** What could not be carried over as it is. */
  readonly problems: readonly string[];
}

const DEEPEST = 20;

/**
 * A reference to another property becomes its value, one to the environment `${env:NAME}`; `\${` is a `${` as it stands.
 * The groups of a topic's replacement (`${routedByValue}`) are none of either.
 */
export function expand(property: Property, all: ReadonlyMap<string, Property>): Expression {
  const problems: string[] = [];
  const groups = groupsFor(property.key, all);
  const resolve = (value: string, depth: number): string =>
    value.replaceAll(
      /\\(\$\{)|\$\{([^{}:]+)(?::([^{}]*))?\}/g,
      (whole, escaped: string | undefined, name: string, fallback: string | undefined) => {
        if (escaped !== undefined) return escaped;
        if (groups.has(name)) return whole;
        const other = all.get(name);
        if (other !== undefined) {
          if (depth < DEEPEST) return resolve(other.value, depth + 1);
          problems.push(`refers to itself by way of "${name}"`);
          return whole;
        }
        const variable = name.replaceAll(/[^A-Za-z0-9]/g, '_');
        const spelled = name === variable ? name : variable.toUpperCase();
        if (fallback !== undefined) {
          problems.push(`has a default for ${spelled}, which \${env:…} cannot have: set the variable`);
        } else if (spelled !== name) problems.push(`refers to "${name}", read as the environment variable ${spelled}`);
        return `\${env:${spelled}}`;
      },
    );
  return { text: resolve(property.value, 0), problems };
}

/** The names that `route.topic.regex` beside a `route.topic.replacement` gives its groups. */
function groupsFor(key: string, all: ReadonlyMap<string, Property>): ReadonlySet<string> {
  if (!key.endsWith('.route.topic.replacement')) return new Set();
  const regex = all.get(key.replace(/replacement$/, 'regex'))?.value ?? '(?<routedByValue>.*)';
  return new Set(Array.from(regex.matchAll(/\(\?<([A-Za-z][A-Za-z0-9]*)>/g), (match) => match[1] ?? ''));
}
