import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inHashOrder, javaStringHash } from '../../../../src/source/postgres/types/java-hash.ts';

test('texts are in the order in which a Java 17 gave the keys of its HashMap', () => {
  const put =
    'created_at updated_at customer shipping_address notes colour weight_in_grams Größe 🦊fox AaAa BBBB AaBB zebra manufacturer';
  const given =
    'zebra notes created_at manufacturer Größe colour updated_at 🦊fox weight_in_grams shipping_address customer AaAa BBBB AaBB';
  assert.deepEqual(inHashOrder(put.split(' '), javaStringHash), given.split(' '));
  assert.equal(javaStringHash('created_at'), 1_369_680_106);
  assert.equal(javaStringHash('🦊fox'), 1_274_336_323);
});
