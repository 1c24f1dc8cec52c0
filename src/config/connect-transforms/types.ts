/** What may stand as `type`: class names with and without their package. */
import { SIDED, WHOLE } from './keys.ts';

export type ConnectName = keyof typeof SIDED | keyof typeof WHOLE;
export interface ConnectType {
  readonly name: ConnectName;
  /** Of those that exist for keys and for values. */
  readonly of?: 'key' | 'value';
}

/** Whether the class is Debezium's; the others are Connect's. */
export function isDebezium(type: string): boolean {
  return type === 'ExtractNewRecordState' || type === 'ByLogicalTableRouter';
}

const TYPES: ReadonlyMap<string, ConnectType> = new Map<string, ConnectType>([
  ...Object.keys(WHOLE).map((name) => [name, { name: name as keyof typeof WHOLE }] as const),
  ...Object.keys(SIDED).flatMap((name) => [
    [`${name}$Key`, { name: name as keyof typeof SIDED, of: 'key' }] as const,
    [`${name}$Value`, { name: name as keyof typeof SIDED, of: 'value' }] as const,
  ]),
]);

/** Such as `Cast$Key`. */
export const CONNECT_TYPES: readonly string[] = [...TYPES.keys()];
/** From a class with its package to its name. */
export const CONNECT_CLASSES: Readonly<Record<string, string>> = Object.fromEntries(
  CONNECT_TYPES.map((type) => [
    `${isDebezium(type) ? 'io.debezium' : 'org.apache.kafka.connect'}.transforms.${type}`,
    type,
  ]),
);

export function connectType(type: string): ConnectType | undefined {
  return TYPES.get(type);
}
