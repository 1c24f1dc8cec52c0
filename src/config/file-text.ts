/** Small text files, whatever a path leads to: nothing that is not one may hang or exhaust us. */
import { closeSync, openSync, readSync } from 'node:fs';

/** A connector's file has a few kilobytes, a certificate chain a few more. */
const MAX_BYTES = 1024 * 1024;
const STANDARD_INPUT = 0;

/** UTF-8. Throws an Error that says what is wrong with the file, never what it holds. */
export function readText(path: string): string {
  const file = openSync(path, 'r');
  try {
    return textIn(file);
  } finally {
    closeSync(file);
  }
}

/** The same of a path on the command line, where `-` is standard input. */
export function readArgument(path: string): string {
  return path === '-' ? textIn(STANDARD_INPUT) : readText(path);
}

function textIn(file: number): string {
  const bytes = bytesIn(file);
  // What PowerShell 5 writes with `>`.
  if (/^(?:fffe|feff)/.test(bytes.toString('hex', 0, 2))) throw new Error('it is UTF-16: save it as UTF-8');
  return bytes.toString('utf8');
}

function bytesIn(file: number): Buffer {
  const bytes = Buffer.allocUnsafe(MAX_BYTES + 1);
  let length = 0;
  for (;;) {
    const read = readSync(file, bytes, length, bytes.length - length, null);
    if (read === 0) return bytes.subarray(0, length);
    length += read;
    if (length > MAX_BYTES) throw new Error('it is larger than 1 MiB');
  }
}
