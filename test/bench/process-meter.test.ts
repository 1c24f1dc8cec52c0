import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ProcessMeter } from '../../src/bench/process-meter.ts';

test('CPU is what the process itself counts, to within its ticks', () => {
  const meter = new ProcessMeter(process.pid);
  const [before, own] = [meter.cpuMs(), process.cpuUsage()];
  while (meter.cpuMs() - before < 200);
  const { user, system } = process.cpuUsage(own);
  assert.ok(Math.abs((user + system) / 1000 - (meter.cpuMs() - before)) <= 40);
});

test('the peak of memory is in MB, and counts anew after a reset', async () => {
  const program = 'let a = Buffer.alloc(300 * 2 ** 20, 1); a = null; gc(); console.log(1); setInterval(() => {}, 1000)';
  const child = spawn(process.execPath, ['--expose-gc', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    const meter = new ProcessMeter(child.pid ?? 0);
    const peak = meter.peakRssMb();
    assert.ok(peak > 300 && peak < 1000, String(peak));
    meter.resetPeak();
    assert.ok(meter.peakRssMb() < peak - 200, String(meter.peakRssMb()));
  } finally {
    child.kill('SIGKILL');
  }
});

test('a process that is gone is an error that says so', () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  assert.throws(() => new ProcessMeter(pid).cpuMs(), /process \d+, which is being measured, has ended/);
});
