/** Which logical messages become events, from the lists of a connector. */
import { EVENT_KEYS } from './event-keys.ts';
import type { KeyReader, Values } from './key-reader.ts';

export interface MessageFilter {
  /** Of prefixes; of both lists one is empty, and with both empty every message is sent. */
  readonly include: readonly RegExp[];
  readonly exclude: readonly RegExp[];
}

export function messageFilter(reader: KeyReader, values: Partial<Values<typeof EVENT_KEYS>>): MessageFilter {
  const { includedMessages: include = [], excludedMessages: exclude = [] } = values;
  if (include.length > 0 && exclude.length > 0) {
    reader.note(
      EVENT_KEYS.excludedMessages.key,
      `stands beside "${EVENT_KEYS.includedMessages.key}": give one of them, as in Debezium`,
    );
  }
  return { include, exclude };
}
