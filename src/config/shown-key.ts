/** A key as it may be shown: the salt of a hash is a secret. */
export function shownKey(key: string): string {
  const isHash = /^(column\.mask\.hash\.(?:v2\.)?[^.]+\.with\.salt\.)[^]/i.exec(key);
  if (isHash !== null) return `${isHash[1] ?? ''}****`;
  return /column\.mask\.hash/i.test(key) ? key.replace(/(column\.mask\.hash)[^]*/i, '$1.****') : key;
}
