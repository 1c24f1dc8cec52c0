/** What a connector's file, the flags and the environment say, before anybody asks what it means. */
import { type JsonNode, JsonSyntaxError, type Member, type Place, parseJson } from './json.ts';
import type { Mistake } from './mistake.ts';
import { nearest } from './nearest.ts';
import { PLUGIN_PATH } from './plugin-path.ts';
import { type Env, resolveReferences } from './references.ts';

/** A value for a key, its references resolved. */
export interface Given {
  readonly text: string;
  /** The file, flag or environment variable. */
  readonly source: string | null;
  readonly at: Place | null;
  /** Said for all connectors, not by this connector's file. */
  readonly shared: boolean;
  /** Came through a reference: it is not to be shown, whatever the key is. */
  readonly hidden: boolean;
  /** The file's own name for the key, when it was mapped onto ours. */
  readonly spelled?: string;
}

/** A value for all connectors, by flag or environment; a file's own value wins. */
export interface SharedValue {
  readonly key: string;
  readonly text: string;
  readonly source: string;
}

/** What a configuration may take from outside of its file. */
export interface Surroundings {
  readonly shared?: readonly SharedValue[];
  /** For `${env:NAME}`. */
  readonly env?: Env;
}

export interface Document {
  readonly name: string | null;
  readonly given: ReadonlyMap<string, Given>;
  readonly mistakes: readonly Mistake[];
}

const SHAPE = 'expected {"name": "…", "config": {"key": "value", …}}, as Kafka Connect takes it';
/** Of a connector. */
export const NAME = /^[A-Za-z0-9._-]{1,200}$/;
/** `$schema` is for editors. */
const TOP_LEVEL = ['name', 'config', '$schema'];

/** Reads Kafka Connect's shape; every mistake is noted and nothing thrown. */
export function readDocument(json: string, source: string | null, { shared = [], env = {} }: Surroundings): Document {
  const mistakes: Mistake[] = [];
  const note = (text: string, at: Place | null = null, key: string | null = null): void => {
    mistakes.push({ source, line: at?.line ?? null, column: at?.column ?? null, key, text });
  };
  const given = new Map<string, Given>();
  for (const value of shared) {
    // Not a connector's business: a file must not be able to say from where code is loaded.
    if (value.key === PLUGIN_PATH) continue;
    const resolved = resolveReferences(value.text, env);
    if ('value' in resolved) {
      given.set(value.key, {
        text: resolved.value,
        source: value.source,
        at: null,
        shared: true,
        hidden: resolved.value !== value.text,
      });
    } else mistakes.push({ source: value.source, line: null, column: null, key: value.key, text: resolved.problem });
  }
  let root: JsonNode;
  try {
    root = parseJson(json);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    note(error.message, error.at);
    return { name: null, given, mistakes };
  }
  if (root.kind !== 'object') {
    note(SHAPE, root.at);
    return { name: null, given, mistakes };
  }
  const top = unique(root.members, note);
  for (const { key, at } of top.values()) {
    if (TOP_LEVEL.includes(key)) continue;
    const near = nearest(key, TOP_LEVEL);
    const text = `stands outside of "config"; ${near === null ? SHAPE : `did you mean "${near}"?`}`;
    mistakes.push({ source, ...at, key, text, ...(near === null ? {} : { near }) });
  }
  const name = readName(top.get('name'), note);
  const config = top.get('config');
  if (config === undefined) note(`is missing: ${SHAPE}`, null, 'config');
  else if (config.value.kind !== 'object') note(`is no object: ${SHAPE}`, config.value.at, 'config');
  else {
    for (const { key, at, value } of unique(config.value.members, note).values()) {
      const resolved = resolve(value, env);
      if ('problem' in resolved) {
        note(resolved.problem, at, key);
        // Half a value must not be judged as well, nor may the flag's take its place.
        given.delete(key);
      } else given.set(key, { text: resolved.value, source, at, shared: false, hidden: resolved.referred });
    }
  }
  return { name, given, mistakes };
}

type Note = (text: string, at?: Place | null, key?: string | null) => void;

function unique(members: readonly Member[], note: Note): ReadonlyMap<string, Member> {
  const found = new Map<string, Member>();
  for (const member of members) {
    const earlier = found.get(member.key);
    if (earlier === undefined) found.set(member.key, member);
    else note(`stands twice: first in line ${earlier.at.line}. Remove one`, member.at, member.key);
  }
  return found;
}

function readName(member: Member | undefined, note: Note): string | null {
  if (member === undefined) {
    note(`is missing: ${SHAPE}`, null, 'name');
    return null;
  }
  if (member.value.kind === 'string' && NAME.test(member.value.value)) return member.value.value;
  note('expected a text of 1 to 200 of A-Z a-z 0-9 . _ -: it becomes part of names in Kafka', member.value.at, 'name');
  return null;
}

function resolve(
  node: JsonNode,
  env: Env,
): { readonly value: string; readonly referred: boolean } | { readonly problem: string } {
  switch (node.kind) {
    case 'string': {
      const resolved = resolveReferences(node.value, env);
      return 'value' in resolved ? { ...resolved, referred: resolved.value !== node.value } : resolved;
    }
    case 'number': {
      // 1e3 and 5432.0 are whole numbers; a password of twenty digits is what it looks like.
      const number = Number(node.source);
      return { value: Number.isSafeInteger(number) ? String(number) : node.source, referred: false };
    }
    case 'boolean':
      return { value: String(node.value), referred: false };
    case 'null':
    case 'array':
    case 'object':
      return {
        problem: `expected a text, number, true or false, got ${node.kind === 'null' ? 'null' : `an ${node.kind}`}`,
      };
  }
}
