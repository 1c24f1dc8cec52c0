import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { COMPOSE_SCHEMA } from '../support/compose-schema.ts';
import { compiled } from '../support/json-schema.ts';
import { ROOT } from '../support/packed.ts';

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: Readonly<Record<string, object>>;
}
interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string }[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[]; readonly retries?: number };
}

const read = (): Compose => parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')) as Compose;
const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
const valid = compiled(COMPOSE_SCHEMA);

test('docker-compose.yml is valid by the Compose Specification, as far as it uses it', () => {
  assert.ok(valid(read()), JSON.stringify(valid.errors));
});

test('and typing errors in it would be found', () => {
  const { postgres = {}, millrace = {} } = read().services;
  for (const wrong of [
    { services: { a: { ...postgres, volume: [] } } },
    { services: { a: { ...postgres, ports: ['5432'] } } },
    { services: { a: { ...postgres, volumes: ['./a.sql:relative'] } } },
    { services: { a: { ...postgres, healthcheck: { test: ['pg_isready', '-U'] } } } },
    { services: { a: { ...postgres, healthcheck: { test: ['CMD', 'x'], interval: 2 } } } },
    { services: { a: { ...millrace, depends_on: { b: { condition: 'healthy' } } } } },
    { services: { a: { ...millrace, restart: 'sometimes' } } },
    { services: { 'a b': postgres } },
    { service: {} },
    {},
  ]) {
    assert.ok(!valid(wrong), JSON.stringify(wrong));
  }
});

test('everything that it names is there, healthy before it is used, and pinned', () => {
  const { services, configs } = read();
  for (const [name, service] of Object.entries(services)) {
    const { image, build, volumes = [], ports = [] } = service;
    if (image !== undefined)
      assert.match(image, /:\d+\.\d+(?:\.\d+)?$/, `${name}: a version, not what is newest today`);
    else assert.ok(existsSync(join(ROOT, build ?? 'nowhere', 'Dockerfile')), name);
    for (const volume of volumes) {
      const [file = '', , mode] = volume.split(':');
      assert.ok(statSync(join(ROOT, file)).isFile(), `${file}: Docker would make a folder of it`);
      assert.equal(mode, 'ro', file);
    }
    for (const { source } of service.configs ?? []) assert.ok(Object.hasOwn(configs, source), source);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, 'example passwords are for this machine alone');
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      assert.equal(condition, 'service_healthy');
      assert.ok(services[other]?.healthcheck?.retries, `${other} has a health check that ends`);
    }
    assert.ok(service.healthcheck !== undefined || /^HEALTHCHECK /m.test(dockerfile), `${name} has a health check`);
  }
});

test('the base images of the Dockerfile are pinned, and the last one has neither shell nor tools, and is not root', () => {
  const bases = Array.from(dockerfile.matchAll(/^FROM (\S+)/gm), ([, base = '']) => base);
  const last = bases.pop() ?? '';
  for (const base of bases) assert.match(base, /^node:\d+\.\d+\.\d+-trixie-slim$/);
  // Distroless has no tags of versions: the major ones of Node and Debian are all that its name can say.
  assert.match(last, /^gcr\.io\/distroless\/nodejs\d+-debian\d+:nonroot$/);
  const [major] = /node:(\d+)/.exec(bases[0] ?? '')?.slice(1) ?? [];
  assert.ok(last.includes(`nodejs${major}-`), 'what is built for is what runs');
  assert.match(dockerfile, /^USER [1-9]\d*:[1-9]\d*$/m);
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } };
  assert.equal(engines.node, `>=${major}`);
});
