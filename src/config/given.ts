/** What a connector's file, the flags and the environment say, before anybody asks what it means. */
import { type JsonNode, JsonSyntaxError, type Member, type Place, parseJson } from './json.ts';
import type { Mistake } from './mistake.ts';
import { nearest } from './nearest.ts';
import { PLUGIN_PATH } from './plugin-path.ts';
import { type Env, resolveReferences } from './references.ts';
import { shownKey } from './shown-key.ts';

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
  /** Without a value, and a mistake or left open already: `text` is the reference as written. */
  readonly unresolved?: true;
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
  /** A reference to what this machine lacks is a mistake, or left open: the configuration is for another machine. */
  readonly absent?: 'mistake' | 'open';
}

export interface Document {
  readonly name: string | null;
  readonly given: ReadonlyMap<string, Given>;
  readonly mistakes: readonly Mistake[];
  /** References that were left open. */
  readonly open: readonly Mistake[];
}

const SHAPE = 'expected {"name": "…", "config": {"key": "value", …}}, as Kafka Connect takes it';
/** Of a connector. */
export const NAME = /^[A-Za-z0-9._-]{1,200}$/;
/** `$schema` is for editors. */
const TOP_LEVEL = ['name', 'config', '$schema'];

/** Reads Kafka Connect's shape; every mistake is noted and nothing thrown. */
export function readDocument(json: string, source: string | null, surroundings: Surroundings): Document {
  const reading = new Reading(source, surroundings);
  for (const value of surroundings.shared ?? []) {
    // Not a connector's business: a file must not be able to say from where code is loaded.
    if (value.key !== PLUGIN_PATH) reading.share(value);
  }
  const name = reading.file(json);
  const { given, mistakes, open } = reading;
  return { name, given, mistakes, open };
}

class Reading {
  readonly given = new Map<string, Given>();
  readonly mistakes: Mistake[] = [];
  readonly open: Mistake[] = [];
  readonly #source: string | null;
  readonly #surroundings: Surroundings;

  constructor(source: string | null, surroundings: Surroundings) {
    this.#source = source;
    this.#surroundings = surroundings;
  }

  share({ key, text, source }: SharedValue): void {
    this.#take(key, referring(text, this.#env), { source, at: null, shared: true });
  }

  /** Gives the connector's name, or null if it has none or no legal one. */
  file(json: string): string | null {
    const root = this.#root(json);
    if (root === null) return null;
    const top = this.#unique(root);
    const config = top.get('config');
    // What goes to `PUT /connectors/NAME/config`.
    const flat = config === undefined ? top.get('connector.class') : undefined;
    const isFlat = flat !== undefined;
    if (isFlat) this.#note(`is missing: put the keys of this file into it, ${SHAPE}`, flat.at, 'config');
    else this.#strangers(top);
    const name = this.#name(top.get('name'));
    if (isFlat) this.#config([...top.values()].filter(({ key }) => !TOP_LEVEL.includes(key)));
    else if (config === undefined) this.#note(`is missing: ${SHAPE}`, null, 'config');
    else if (config.value.kind !== 'object') this.#note(`is no object: ${SHAPE}`, config.value.at, 'config');
    else this.#config(this.#unique(config.value.members).values());
    return name;
  }

  get #env(): Env {
    return this.#surroundings.env ?? {};
  }

  #root(json: string): readonly Member[] | null {
    try {
      const root = parseJson(json);
      if (root.kind === 'object') return root.members;
      this.#note(SHAPE, root.at);
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      this.#note(error.message, error.at);
    }
    return null;
  }

  #strangers(top: ReadonlyMap<string, Member>): void {
    for (const { key, at } of top.values()) {
      if (TOP_LEVEL.includes(key)) continue;
      const near = nearest(key, TOP_LEVEL);
      const text = `stands outside of "config"; ${near === null ? SHAPE : `did you mean "${near}"?`}`;
      this.mistakes.push({ source: this.#source, ...at, key: shownKey(key), text, ...(near === null ? {} : { near }) });
    }
  }

  #name(member: Member | undefined): string | null {
    if (member === undefined) {
      this.#note(`is missing: ${SHAPE}`, null, 'name');
      return null;
    }
    if (member.value.kind === 'string' && NAME.test(member.value.value)) return member.value.value;
    const text = 'expected a text of 1 to 200 of A-Z a-z 0-9 . _ -: it becomes part of names in Kafka';
    this.#note(text, member.value.at, 'name');
    return null;
  }

  #config(members: Iterable<Member>): void {
    for (const { key, at, value } of members) {
      this.#take(key, resolve(value, this.#env), { source: this.#source, at, shared: false });
    }
  }

  /** A value that is wrong stays as one that is not known: the flag's must not take its place. */
  #take(key: string, resolved: ResolvedNode, from: Pick<Given, 'source' | 'at' | 'shared'>): void {
    if ('value' in resolved) {
      this.given.set(key, { ...from, text: resolved.value, hidden: resolved.referred });
      return;
    }
    const { text, problem, absent } = resolved;
    this.given.set(key, { ...from, text, hidden: true, unresolved: true });
    const list = absent && this.#surroundings.absent === 'open' ? this.open : this.mistakes;
    list.push({
      source: from.source,
      line: from.at?.line ?? null,
      column: from.at?.column ?? null,
      key: shownKey(key),
      text: problem,
    });
  }

  #unique(members: readonly Member[]): ReadonlyMap<string, Member> {
    const found = new Map<string, Member>();
    for (const member of members) {
      const earlier = found.get(member.key);
      if (earlier === undefined) found.set(member.key, member);
      else this.#note(`stands twice: first in line ${earlier.at.line}. Remove one`, member.at, member.key);
    }
    return found;
  }

  #note(text: string, at: Place | null = null, key: string | null = null): void {
    this.mistakes.push({
      source: this.#source,
      line: at?.line ?? null,
      column: at?.column ?? null,
      key: key === null ? null : shownKey(key),
      text,
    });
  }
}

type ResolvedNode =
  | { readonly value: string; readonly referred: boolean }
  | { readonly problem: string; readonly absent: boolean; readonly text: string };

function resolve(node: JsonNode, env: Env): ResolvedNode {
  switch (node.kind) {
    case 'string':
      return referring(node.value, env);
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
        absent: false,
        text: '',
      };
  }
}

function referring(text: string, env: Env): ResolvedNode {
  const resolved = resolveReferences(text, env);
  return 'value' in resolved ? { ...resolved, referred: resolved.value !== text } : { ...resolved, text };
}
