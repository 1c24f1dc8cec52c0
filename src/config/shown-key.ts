/** A key as it may be shown: the salt in one of a hash is a secret, also where the key is misspelled. */
export function shownKey(key: string): string {
  if (/\.salt/i.test(key)) return key.replace(/(\.salt)[^]*/i, '$1.****');
  return key.replace(/(column\.mask\.hash)[^]*/i, '$1.****');
}
