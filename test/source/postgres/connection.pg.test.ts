import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { freePort } from '../../../src/demo/free-port.ts';
import { type PostgresServer, startPostgres } from '../../../src/demo/postgres-server.ts';
import { MillraceError } from '../../../src/errors.ts';
import { connect, endSession, withSession } from '../../../src/source/postgres/connection.ts';
import type { PostgresSettings } from '../../../src/source/postgres/settings.ts';
import { OUTBOX_DDL, insertOutbox, openDatabase, runSource, sourceSettings } from '../../support/postgres-source.ts';
import { type Certificates, makeCertificates, pem } from '../../support/certificates.ts';
import { freshDatabase, postgres, waitFor } from '../../support/servers.ts';
import { startProxy } from '../../support/tcp-proxy.ts';

const FOREVER = new AbortController().signal;

/** Whether the session is encrypted, as the server sees it. */
function encrypted(settings: PostgresSettings): Promise<boolean> {
  return withSession(settings, { applicationName: 'test', signal: FOREVER }, async (client) => {
    const { rows } = await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    return rows[0]?.ssl === true;
  });
}

/** The error of a connection that must not come about; it never shows the password. */
async function failure(settings: PostgresSettings): Promise<MillraceError> {
  try {
    await endSession(await connect(settings, { applicationName: 'test', signal: FOREVER }));
  } catch (error) {
    assert.ok(error instanceof MillraceError, String(error));
    if (settings.password !== null)
      assert.ok(!error.message.includes(settings.password), 'the password is in the message');
    return error;
  }
  assert.fail('the connection was accepted');
}

async function fails(settings: PostgresSettings, kind: string, message: RegExp): Promise<void> {
  const error = await failure(settings);
  assert.match(error.message, message);
  assert.equal(error.kind, kind, error.message);
}

for (const major of [18, 14] as const) {
  describe(`TLS to PostgreSQL ${major}`, () => {
    let certificates: Certificates | null = null;
    let server: PostgresServer | null = null;
    let base: PostgresSettings | null = null;
    before(async () => {
      const made = makeCertificates();
      certificates = made;
      // Issued for a name that is not the address we connect to, and for one that is.
      const { cert, key } = made.sign('localhost', 'DNS:localhost');
      const files = {
        'server.crt': pem(cert),
        'server.key': pem(key),
        'root.crt': pem(made.ca),
        'pg_hba.conf': [
          'local   all         all                   scram-sha-256',
          'hostssl all         only_tls   all        scram-sha-256',
          'hostssl replication only_tls   all        scram-sha-256',
          'hostnossl all       only_plain all        scram-sha-256',
          'hostssl all         by_cert    all        cert',
          'host    all         postgres   all        scram-sha-256',
        ].join('\n'),
      };
      server = await startPostgres({ major, files, settings: ['ssl=on', 'ssl_ca_file=root.crt'] });
      const { host, port, user, password } = server;
      const admin = new pg.Client({ host, port, user, password, database: 'postgres' });
      await admin.connect();
      for (const role of ['only_tls', 'only_plain', 'by_cert']) {
        await admin.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'pa55word correct horse'`);
      }
      await admin.query(OUTBOX_DDL);
      await admin.end();
      base = sourceSettings(server, 'postgres', { host: 'localhost', password: 'pa55word correct horse' });
    });
    after(async () => {
      await server?.dispose();
      certificates?.dispose();
    });
    const settings = (over: Partial<PostgresSettings>): PostgresSettings => {
      assert.ok(base);
      return { ...base, ...over };
    };
    const made = (): Certificates => {
      assert.ok(certificates);
      return certificates;
    };

    test('disable never encrypts, allow only if it has to, prefer if it can, require always', async () => {
      const answers = {
        only_tls: { disable: null, allow: true, prefer: true, require: true },
        only_plain: { disable: false, allow: false, prefer: false, require: null },
      };
      for (const [user, modes] of Object.entries(answers)) {
        for (const [mode, expected] of Object.entries(modes)) {
          const sslMode = mode as PostgresSettings['sslMode'];
          if (expected === null) {
            await fails(settings({ user, sslMode }), 'database-rejected', /pg_hba.conf .*database\.sslmode/);
          } else {
            assert.equal(await encrypted(settings({ user, sslMode })), expected, `${user} with ${mode}`);
          }
        }
      }
    });

    test('require checks nothing without a root certificate, and the chain with one', async () => {
      const user = 'only_tls';
      assert.equal(await encrypted(settings({ user, sslMode: 'require', host: '127.0.0.1' })), true);
      assert.equal(
        await encrypted(settings({ user, sslMode: 'require', host: '127.0.0.1', sslRootCert: made().ca })),
        true,
      );
      await fails(
        settings({ user, sslMode: 'require', sslRootCert: made().otherCa }),
        'database-rejected',
        /certificate is not accepted.*database\.sslrootcert/,
      );
    });

    test('verify-ca checks the chain, verify-full the name too', async () => {
      const user = 'only_tls';
      const sslRootCert = made().ca;
      assert.equal(await encrypted(settings({ user, sslMode: 'verify-ca', sslRootCert, host: '127.0.0.1' })), true);
      assert.equal(await encrypted(settings({ user, sslMode: 'verify-full', sslRootCert })), true);
      await fails(
        settings({ user, sslMode: 'verify-full', sslRootCert, host: '127.0.0.1' }),
        'database-rejected',
        /127\.0\.0\.1.*connect by a name it was issued for/s,
      );
      for (const sslMode of ['verify-ca', 'verify-full'] as const) {
        await fails(
          settings({ user, sslMode, sslRootCert: made().otherCa }),
          'database-rejected',
          /certificate is not accepted/,
        );
        await fails(settings({ user, sslMode }), 'database-rejected', /certificate is not accepted/);
        await fails(
          settings({ user, sslMode, sslRootCert: '/nowhere/ca.pem' }),
          'config',
          /database\.sslrootcert.*\/nowhere\/ca\.pem/,
        );
      }
    });

    test('a client certificate is the password where the server asks for one', async () => {
      const { cert, key } = made().sign('by_cert');
      const client = { user: 'by_cert', password: null, sslMode: 'verify-full', sslRootCert: made().ca } as const;
      assert.equal(await encrypted(settings({ ...client, sslCert: cert, sslKey: key })), true);
      await fails(settings(client), 'database-rejected', /certificate/);
      const wrong = made().sign('somebody_else');
      await fails(
        settings({ ...client, sslCert: wrong.cert, sslKey: wrong.key }),
        'database-rejected',
        /authentication failed/,
      );
      await fails(settings({ ...client, sslCert: cert }), 'config', /belong together/);
      await fails(settings({ ...client, sslCert: cert, sslKey: cert }), 'database-rejected', /sslcert and sslkey/);
    });

    test('the stream runs over TLS as well', async (t) => {
      assert.ok(server);
      const running = await runSource(settings({ user: 'only_tls', sslMode: 'verify-full', sslRootCert: made().ca }));
      t.after(() => running.stop());
      await insertOutbox({ client: await openDatabase(t, server) }, 'a');
      await waitFor('the row', async () => running.delivered().length > 0);
      assert.deepEqual(running.delivered(), ['a']);
    });
  });

  test(`PostgreSQL ${major}: a wrong password, database or user is a clear refusal`, async () => {
    const address = await postgres(major);
    const settings = sourceSettings(address, 'postgres');
    await fails(
      { ...settings, password: 'pa55word not right' },
      'database-rejected',
      /password authentication failed.*\(28P01\).*database\.password/,
    );
    await fails({ ...settings, password: null }, 'database-rejected', /set database\.password/);
    await fails({ ...settings, database: 'nosuch' }, 'database-rejected', /"nosuch" does not exist.*database\.dbname/);
    await fails({ ...settings, user: 'nobody_here' }, 'database-rejected', /password authentication failed/);
  });

  test(`PostgreSQL ${major}: TLS asked of a server without it is a clear refusal, and prefer does without`, async () => {
    const settings = sourceSettings(await postgres(major), 'postgres');
    await fails({ ...settings, sslMode: 'require' }, 'database-rejected', /does not support SSL.*Turn ssl on/);
    assert.equal(await encrypted({ ...settings, sslMode: 'prefer' }), false);
  });

  test(`PostgreSQL ${major}: a folder as database.hostname is the Unix socket in it, without TLS in every mode`, async () => {
    const address = await postgres(major);
    const settings = sourceSettings(address, 'postgres', { host: address.socketDir, sslMode: 'verify-full' });
    const from = await withSession(settings, { applicationName: 'test', signal: FOREVER }, async (client) => {
      const { rows } = await client.query<{ address: string | null }>(
        'SELECT client_addr::text AS address FROM pg_stat_activity WHERE pid = pg_backend_pid()',
      );
      return rows[0]?.address;
    });
    assert.equal(from, null);
    const nothing = mkdtempSync(join(tmpdir(), 'millrace-empty-'));
    await fails({ ...settings, host: nothing }, 'database-unavailable', /ENOENT/);
    rmSync(nothing, { recursive: true });
  });
}

test('a server that is not there is worth another try', async () => {
  const settings = sourceSettings(await postgres(), 'postgres', { port: await freePort() });
  await fails(settings, 'database-unavailable', /cannot connect to PostgreSQL at 127\.0\.0\.1:\d+.*ECONNREFUSED/);
});

test('connecting ends at once when it is told to, also to a host that never answers', async (t) => {
  const address = await postgres();
  const proxy = await startProxy(address);
  t.after(() => proxy.close());
  proxy.freeze();
  const controller = new AbortController();
  const settings = sourceSettings(address, 'postgres', { port: proxy.port });
  const connecting = connect(settings, { applicationName: 'test', signal: controller.signal });
  connecting.catch(() => {});
  await waitFor('the connection', async () => proxy.connections() > 0);
  const startedAt = Date.now();
  controller.abort(new Error('stop'));
  await assert.rejects(connecting, /^Error: stop$/);
  assert.ok(Date.now() - startedAt < 1500);
});

test('a session answers in the formats that our decoder reads, whatever the database prefers', async (t) => {
  const address = await postgres();
  const db = await freshDatabase(address);
  t.after(() => db.drop());
  for (const preference of [
    "datestyle = 'German'",
    "timezone = 'Asia/Tokyo'",
    "bytea_output = 'escape'",
    'extra_float_digits = -3',
  ]) {
    await db.client.query(`ALTER DATABASE ${db.name} SET ${preference}`);
  }
  const settings = sourceSettings(address, db.name);
  await withSession(settings, { applicationName: 'test', signal: FOREVER }, async (client) => {
    const { rows } = await client.query<Record<string, string>>(
      "SELECT '2024-02-01 10:00+02'::timestamptz::text AS t, '\\xff'::bytea::text AS b, 0.1234567::float4::text AS f, '1 day'::interval::text AS i",
    );
    assert.deepEqual({ ...rows[0] }, { t: '2024-02-01 08:00:00+00', b: '\\xff', f: '0.1234567', i: '1 day' });
  });
});
