import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { compatibilityPage } from '../../src/config/known/compatibility-page.ts';
import { CONNECTOR_FAMILIES, ROUTER_FAMILIES } from '../../src/config/known/families.ts';

const PAGE = new URL('../../docs/debezium-compatibility.md', import.meta.url);

test('docs/debezium-compatibility.md is what the declarations say (UPDATE_DOCS=1 writes it)', () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, compatibilityPage());
  assert.ok(readFileSync(PAGE, 'utf8') === compatibilityPage(), 'it differs: run UPDATE_DOCS=1 on this test');
});

test('every declaration reads as a sentence: no full stop of its own where one is added', () => {
  for (const known of [...CONNECTOR_FAMILIES, ...ROUTER_FAMILIES].flatMap(({ keys }) => keys)) {
    const { verdict, why } = known;
    const parts = verdict === 'fixed' ? [why, known.otherwise] : verdict === 'refused' ? [why, known.instead] : [why];
    for (const part of parts) assert.match(part, /^[^]*[^.\s]$/, known.key);
  }
});
