/** Options that Debezium's ExtractNewRecordState had before 3.0: Debezium 3.4 does not look at them. */
import { type Family, harmless } from './known-key.ts';

export const NEW_RECORD_STATE: Family = {
  title: 'ExtractNewRecordState',
  about: 'Options of `io.debezium.transforms.ExtractNewRecordState` before Debezium 3.0, behind `transforms.<alias>.`.',
  keys: [
    ...harmless(
      'as in Debezium 3.4, which does not read it; delete.tombstone.handling.mode says what becomes of deletes',
      'drop.tombstones',
      'delete.handling.mode',
    ),
  ],
};
