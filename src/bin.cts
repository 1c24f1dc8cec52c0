#!/usr/bin/env node
/** `millrace`, in words that any Node understands: one that is too old says so, and not what it cannot parse. */
{
  const OLDEST = 24;
  const { node } = process.versions;
  if (Number(node.split('.')[0]) >= OLDEST) {
    void import('./main.ts');
  } else {
    process.stderr.write(
      `millrace needs Node ${OLDEST} or newer and was started with Node ${node} (${process.execPath}): install a newer one from https://nodejs.org\n`,
    );
    process.exitCode = 2;
  }
}
