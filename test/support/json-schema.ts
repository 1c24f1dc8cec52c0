/** A JSON Schema's own opinion: Ajv, which refuses a schema that is none. */
import { Ajv, type ValidateFunction } from 'ajv';

/** For draft-07. Words of editors alone are passed over; any other unknown word is an error. */
export function compiled(schema: object): ValidateFunction {
  const ajv = new Ajv({
    strict: true,
    allowUnionTypes: true,
    allowMatchingProperties: true,
    strictTypes: false,
    strictTuples: false,
  });
  ajv.addVocabulary(['errorMessage', 'doNotSuggest']);
  return ajv.compile(schema);
}
