/** The server is the judge: its own GTID_SUBSET and GTID_SUBTRACT, and the sets that it writes. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import {
  NO_GTIDS,
  addGtid,
  containsGtids,
  formatGtid,
  formatGtidSet,
  parseGtidSet,
  subtractGtids,
  unionGtids,
} from '../../../src/source/mysql/gtid.ts';
import { freshMysqlDatabase } from '../../support/mysql.ts';
import { UUIDS, freeText } from './arbitrary-gtids.ts';

async function connect(t: TestContext): Promise<Connection> {
  const database = await freshMysqlDatabase();
  t.after(() => database.drop());
  return database.connection;
}
async function ask(connection: Connection, sql: string, values: readonly string[] = []): Promise<unknown[]> {
  const [[row = []]] = await connection.query<RowDataPacket[][]>({ sql, rowsAsArray: true }, [...values]);
  return row;
}
/** The server breaks lines behind commas, we do not. */
const onOneLine = (text: unknown): string => String(text).replaceAll(',\n', ',');

test('sets are read, written, compared and subtracted as the server does', async (t) => {
  const connection = await connect(t);
  await fc.assert(
    fc.asyncProperty(freeText, freeText, async ({ text: left }, { text: right }) => {
      const [a, b] = [parseGtidSet(left), parseGtidSet(right)];
      const sql = `SELECT GTID_SUBTRACT(?, ''), GTID_SUBTRACT(CONCAT(?, ',', ?), ''), GTID_SUBTRACT(?, ?), GTID_SUBSET(?, ?), GTID_SUBSET(?, ?)`;
      const [same, union, rest, ...subsets] = await ask(connection, sql, [
        left,
        left,
        right,
        left,
        right,
        left,
        right,
        right,
        left,
      ]);
      assert.equal(formatGtidSet(a), onOneLine(same));
      assert.equal(formatGtidSet(unionGtids(a, b)), onOneLine(union));
      assert.equal(formatGtidSet(subtractGtids(a, b)), onOneLine(rest));
      assert.deepEqual(
        [containsGtids(b, a), containsGtids(a, b)],
        subsets.map((each) => each === 1),
      );
    }),
    { numRuns: 500 },
  );
});

test('we refuse what the server refuses, and what it takes for nothing', async (t) => {
  const connection = await connect(t);
  const [, uuid] = UUIDS;
  const bare = uuid.replaceAll('-', '');
  const alphabet = fc.constantFrom(
    ':',
    '-',
    ',',
    '0',
    '1',
    '5',
    '12',
    'a',
    'tag',
    ' ',
    '\n',
    '_',
    '{',
    '}',
    uuid,
    bare,
    'ü',
    '\u00a0',
    '9223372036854775807',
  );
  const suspicious = fc.array(alphabet, { maxLength: 6 }).map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        suspicious,
        suspicious.map((tail) => uuid + tail),
        suspicious.map((tail) => `${uuid}:1${tail}`),
      ),
      async (text) => {
        const theirs = await ask(connection, `SELECT GTID_SUBTRACT(?, '')`, [text]).then(
          ([set]) => onOneLine(set),
          () => null,
        );
        let ours: string | null;
        try {
          ours = formatGtidSet(parseGtidSet(text));
        } catch {
          ours = null;
        }
        if (ours !== null) assert.equal(ours, theirs);
        else
          assert.ok(theirs === null || meansNothing(text), `the server reads ${JSON.stringify(text)} as "${theirs}"`);
      },
    ),
    { numRuns: 3000 },
  );
});

/** A source or tag without numbers, or numbers backwards: the server drops these parts in silence. */
function meansNothing(text: string): boolean {
  const parts = text.split(',').map((part) => part.replaceAll(/[ \n]/g, ''));
  return parts.some((part) => {
    const pieces = part.split(':');
    return pieces.some((piece, index) => {
      const isName = index === 0 || /^[a-z_]/i.test(piece);
      const next = pieces[index + 1];
      if (isName && part !== '') return next === undefined || (index > 0 && /^[a-z_]/i.test(next));
      const [from, to] = piece.split('-');
      return to !== undefined && to !== '' && BigInt(from ?? 0) > BigInt(to);
    });
  });
}

test('executed transactions, tagged and beyond 2^53, added one by one are what the server says it has executed', async (t) => {
  const connection = await connect(t);
  await connection.query('CREATE TABLE x (n int)');
  const uuid = randomUUID();
  const gtids = [
    { tsid: uuid, number: 5n },
    { tsid: uuid, number: 2n ** 53n + 1n },
    { tsid: `${uuid}:tag`, number: 1n },
    { tsid: uuid, number: 4n },
    { tsid: `${uuid}:tag`, number: 2n },
    { tsid: uuid, number: 2n ** 53n + 2n },
    { tsid: `${uuid}:a_tag`, number: 7n },
  ];
  let set = NO_GTIDS;
  for (const gtid of gtids) {
    await connection.query(`SET gtid_next = '${formatGtid(gtid)}'`);
    await connection.query('INSERT INTO x VALUES (1)');
    set = addGtid(set, gtid);
  }
  await connection.query(`SET gtid_next = 'AUTOMATIC'`);
  const executed = parseGtidSet(String((await ask(connection, 'SELECT @@GLOBAL.gtid_executed'))[0]));
  assert.ok(containsGtids(executed, set));
  const others = new Map([...executed].filter(([tsid]) => !tsid.startsWith(uuid)));
  assert.equal(formatGtidSet(subtractGtids(executed, others)), formatGtidSet(set));
  assert.equal(formatGtidSet(set), `${uuid}:4-5:9007199254740993-9007199254740994:a_tag:7:tag:1-2`);
});
