import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Display } from '../../src/demo/display.ts';
import { DownloadProgress } from '../../src/demo/maven-folder.ts';
import { type View, line, screen } from '../../src/demo/picture.ts';

const VIEW: View = {
  seconds: 12.2,
  committed: 300,
  delivered: 299,
  perSecond: 99.6,
  latenciesMs: [1, 3, 3, 3, 3, 3, 3, 3, 7, 900],
  position: '0/1780BA8',
  newest: [
    { topic: 'outbox.event.order', key: '44', type: 'Changed', latencyMs: 2.34 },
    { topic: 'outbox.event.payment', key: '7', type: 'Created', latencyMs: null },
  ],
};

test('the picture shows topic, key, type, latency, rate, distribution and the stored position', () => {
  assert.deepEqual(
    screen(VIEW, { columns: 80, color: false }).map((each) => each.trimEnd()),
    [
      '  topic                 key  type       latency',
      '  outbox.event.order    44   Changed     2.3 ms',
      '  outbox.event.payment  7    Created     0.0 ms',
      '',
      '  100 events/s   p50 3.0 ms  p99 900.0 ms',
      '    ▂▂▂  ███  ▂▂▂                                ▂▂▂',
      '     ≤2   ≤4   ≤8  ≤16  ≤32  ≤64 ≤128 ≤256 ≤512 more ms',
      '  committed 300   delivered 299   12 s',
      '  position stored in Kafka: 0/1780BA8',
    ],
  );
  assert.equal(
    line(VIEW),
    ' 100 events/s  p50 3.0 ms  p99 900.0 ms  2ms|▂█▂      ▂|>512ms  position 0/1780BA8  outbox.event.payment key=7 Created 0.0 ms',
  );
});

test('before anything has arrived there is a picture, too, and no line is wider than the terminal', () => {
  const nothing: View = { ...VIEW, latenciesMs: [], newest: [], perSecond: 0, position: '-' };
  assert.match(line(nothing), /^ {3}0 events\/s {2}p50 0\.0 ms/);
  for (const each of screen(VIEW, { columns: 40, color: false })) assert.ok(Array.from(each).length < 40, each);
});

test('a terminal is drawn over and over, a pipe gets lines, NO_COLOR takes the colours alone', () => {
  const draw = (isTerminal: boolean, env: Readonly<Record<string, string>>): string => {
    let text = '';
    const display = new Display({ isTerminal, columns: () => 80, write: (part) => (text += part) }, env);
    display.show(VIEW);
    display.show(VIEW);
    display.end();
    return text;
  };
  const [esc, up, bold] = ['\u001b', '\u001b[9A', '\u001b[1m'];
  const terminal = draw(true, {});
  assert.ok(
    terminal.includes(up) && terminal.includes(bold) && terminal.endsWith(`${esc}[?25h`),
    'and the cursor comes back',
  );
  const colorless = draw(true, { NO_COLOR: '1' });
  assert.ok(colorless.includes(up) && !colorless.includes(bold));
  assert.equal(draw(false, {}), `${line(VIEW)}\n${line(VIEW)}\n`);
});

test('a download shows what has really come', () => {
  const progress = new DownloadProgress('Kafka', 540);
  assert.equal(progress.line, 'downloading Kafka: Maven is looking what it has');
  progress.hear(
    '[INFO] Downloading from central: https://x/a.pom\n[INFO] Downloaded from central: https://x/a.pom (3.9 kB at 4.1 kB/s)\n[INFO] Downlo',
  );
  progress.hear(
    'aded from central: https://x/b.jar (5.1 MB at 4.1 MB/s)\nDownloaded from central: https://x/c.pom (512 B at 1 kB/s)\n',
  );
  assert.equal(progress.line, 'downloading Kafka: 0 % (3 files, 5.1 MB)');
  for (let i = 0; i < 1000; i++) progress.hear('Downloaded from central: https://x/c.pom (512 B at 1 kB/s)\n');
  assert.match(progress.line, /^downloading Kafka: 99 % \(1003 files/);
  progress.hear('[ERROR] Failed to execute goal: Unknown host\n[ERROR] more\n');
  assert.equal(progress.problem, 'Failed to execute goal: Unknown host');
});
