/** The part of JSON Schema (draft-07) that our schema uses; a keyword that is not known here fails the test. */
type Schema = Readonly<Record<string, unknown>>;

const ANNOTATIONS = new Set(['$schema', 'title', 'description', 'default', 'examples', 'writeOnly', 'definitions']);

/** Whether a value is valid; `root` holds the definitions. */
export function isValid(value: unknown, schema: Schema, root: Schema): boolean {
  return Object.entries(schema).every(([keyword, of]) => ANNOTATIONS.has(keyword) || holds(keyword, of));

  function holds(keyword: string, of: unknown): boolean {
    switch (keyword) {
      case '$ref':
        return isValid(value, definition(String(of)), root);
      case 'type':
        return [of].flat().some((type) => isOf(value, String(type)));
      case 'enum':
        return (of as readonly unknown[]).includes(value);
      case 'anyOf':
        return (of as readonly Schema[]).some((each) => isValid(value, each, root));
      case 'not':
        return !isValid(value, of as Schema, root);
      case 'propertyNames':
        return !isObject(value) || Object.keys(value).every((key) => isValid(key, of as Schema, root));
      case 'pattern':
        return typeof value !== 'string' || new RegExp(String(of), 'u').test(value);
      case 'minLength':
        return typeof value !== 'string' || value.length >= Number(of);
      case 'minimum':
        return typeof value !== 'number' || value >= Number(of);
      case 'maximum':
        return typeof value !== 'number' || value <= Number(of);
      case 'required':
        return !isObject(value) || (of as readonly string[]).every((key) => Object.hasOwn(value, key));
      case 'properties':
        return !isObject(value) || members(value, of as Readonly<Record<string, Schema>>);
      case 'patternProperties':
        return !isObject(value) || Object.entries(value).every(([key, each]) => matching(key, each));
      case 'additionalProperties':
        return !isObject(value) || Object.keys(value).every((key) => isNamed(key));
      default:
        throw new Error(`the schema uses "${keyword}", which this check does not know`);
    }
  }
  function members(object: object, properties: Readonly<Record<string, Schema>>): boolean {
    return Object.entries(object).every(([key, each]) => {
      const own = Object.hasOwn(properties, key) ? properties[key] : undefined;
      return own === undefined || isValid(each, own, root);
    });
  }
  function matching(key: string, each: unknown): boolean {
    return patterns().every(([pattern, of]) => !new RegExp(pattern, 'u').test(key) || isValid(each, of, root));
  }
  function isNamed(key: string): boolean {
    return (
      Object.hasOwn((schema['properties'] ?? {}) as object, key) ||
      patterns().some(([p]) => new RegExp(p, 'u').test(key))
    );
  }
  function patterns(): [string, Schema][] {
    return Object.entries((schema['patternProperties'] ?? {}) as Readonly<Record<string, Schema>>);
  }
  function definition(reference: string): Schema {
    const found = (root['definitions'] as Readonly<Record<string, Schema>>)[reference.replace('#/definitions/', '')];
    if (found === undefined) throw new Error(`${reference} leads nowhere`);
    return found;
  }
}

function isOf(value: unknown, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return isObject(value);
  return typeof value === type;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
