/** The picture, as a reader of XML sees it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { plot } from '../../bench/plot.ts';
import { linearScale, logarithmicScale } from '../../bench/scale.ts';
import { figuresOf } from '../../src/bench/figures.ts';
import { REPORT, sample } from './report.ts';

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  text: string;
}

/** Reads what is well-formed XML without comments and such; anything else is an error. */
function elementsOf(xml: string): Element[] {
  const open: Element[] = [];
  const all: Element[] = [];
  const token = /<\/([\w:-]+)>|<([\w:-]+)((?:\s+[\w:-]+="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*)\s*(\/?)>|([^<]+)/y;
  while (token.lastIndex < xml.length) {
    const at = token.lastIndex;
    const found = token.exec(xml);
    assert.ok(found, `not XML: ${xml.slice(at, at + 60)}`);
    const [, closed, name, attributes = '', empty, text] = found;
    if (text !== undefined) {
      assert.doesNotMatch(text, /&(?!(?:amp|lt|gt|quot);)/);
      const last = open.at(-1);
      if (last) last.text += text;
    } else if (closed !== undefined) assert.equal(open.pop()?.name, closed);
    else if (name !== undefined) {
      const pairs = Array.from(attributes.matchAll(/([\w:-]+)="([^"]*)"/g), ([, key = '', value = '']) => [key, value]);
      const element = { name, attributes: Object.fromEntries(pairs) as Record<string, string>, text: '' };
      all.push(element);
      if (empty !== '/') open.push(element);
    }
  }
  assert.deepEqual(open, []);
  return all;
}

const bars = (elements: readonly Element[], side: string): number[] =>
  elements
    .filter(({ name, attributes }) => name === 'rect' && attributes['class'] === side && Number(attributes['y']) !== 16)
    .map(({ attributes }) => Number(attributes['height']));

test('the picture is XML with a panel for each measure, labelled axes and a legend', () => {
  const elements = elementsOf(plot(REPORT));
  const texts = elements.filter(({ name }) => name === 'text').map(({ text }) => text);
  for (const words of [
    'Draining a backlog (higher is better)',
    'events a second',
    'µs an event',
    'ms, logarithmic',
    'seconds',
    'Millrace',
    'Debezium, tuned',
    'Debezium, defaults',
    'row a transaction',
    '1,000',
    'kill -9',
    '95,000',
    '100,000',
  ]) {
    assert.ok(texts.includes(words), `${words} in ${texts.join(' | ')}`);
  }
  assert.ok(!texts.some((each) => each.includes('first run')), 'a cold run is no bar');
  assert.ok(elements.some(({ name, text }) => name === 'style' && text.includes('prefers-color-scheme: dark')));
});

test('bars are as long as their medians', () => {
  const elements = elementsOf(plot({ ...REPORT, figures: REPORT.figures.filter(({ measure }) => measure === 'rate') }));
  const [ours = 0] = bars(elements, 'millrace');
  const [theirs = 0] = bars(elements, 'debezium');
  assert.ok(Math.abs(ours / theirs - 95_000 / 50_000) < 0.01, `${ours} / ${theirs}`);
});

test('what a machine calls itself cannot break the picture', () => {
  const elements = elementsOf(plot({ ...REPORT, machine: '2 cores (<A> & "B")' }));
  assert.ok(elements.some(({ text }) => text.includes('2 cores (&lt;A&gt; &amp; &quot;B&quot;)')));
});

test('without a peer there is one bar a group; without figures nothing but the head', () => {
  const alone = elementsOf(plot({ ...REPORT, figures: figuresOf([sample({ value: 5 }), sample({ value: 7 })]) }));
  assert.deepEqual([bars(alone, 'millrace').length, bars(alone, 'debezium').length], [1, 0]);
  assert.equal(bars(elementsOf(plot({ ...REPORT, figures: [] })), 'millrace').length, 0);
});

test('scales hold every value they were made for, and ticks at both ends', () => {
  const axis = { low: 224, high: 50 };
  const positive = fc.array(fc.double({ min: 0.001, max: 1e8, noNaN: true }), { minLength: 1 });
  for (const scaleFor of [linearScale, logarithmicScale]) {
    fc.assert(
      fc.property(positive, (values) => {
        const { ticks, y } = scaleFor(values, axis);
        const places = values.map(y);
        assert.ok(
          places.every((place) => place <= axis.low + 0.01 && place >= axis.high - 0.01),
          String(places),
        );
        assert.ok(Math.abs(y(ticks[0] ?? Number.NaN) - axis.low) < 0.01);
        assert.ok(Math.abs(y(ticks.at(-1) ?? Number.NaN) - axis.high) < 0.01);
        const sorted = values.toSorted((a, b) => a - b).map(y);
        return sorted.every((place, index) => index === 0 || place <= (sorted[index - 1] ?? 0) + 1e-9);
      }),
    );
  }
  assert.deepEqual(linearScale([220_000], axis).ticks, [0, 100_000, 200_000, 300_000]);
  assert.deepEqual(logarithmicScale([2, 450], axis).ticks, [1, 10, 100, 1000]);
});
