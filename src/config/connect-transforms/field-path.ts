/**
 * A path to a nested field (`field.syntax.version=V2`): dots between names, and backticks around names that hold dots,
 * as `org.apache.kafka.connect.transforms.field.SingleFieldPath` reads it.
 */

/** null: a backtick has no partner. */
export function readFieldPath(path: string): readonly string[] | null {
  const steps: string[] = [];
  let at = 0;
  while (at < path.length) {
    const end = path[at] === '`' ? closing(path, at) : path.indexOf('.', at);
    if (path[at] !== '`') {
      steps.push(path.slice(at, end < 0 ? undefined : end));
      if (end < 0) break;
      at = end + 1;
    } else {
      if (end < 0) return null;
      // An escaped backtick before a dot is part of the name; others stay as they are.
      steps.push(path.slice(at + 1, end).replaceAll('\\`.', '`.'));
      at = end + 2;
    }
  }
  if (path.endsWith('.')) steps.push('');
  return steps;
}

/** The backtick that ends the name: at the end, or before a dot and not escaped. */
function closing(path: string, open: number): number {
  for (let at = path.indexOf('`', open + 1); at >= 0; at = path.indexOf('`', at + 1)) {
    const escaped = path[at - 1] === '\\';
    if (at === path.length - 1) return escaped ? -1 : at;
    if (path[at + 1] === '.' && !escaped) return at;
  }
  return -1;
}
