/**
 * The order in which Java's HashMap gives its entries, which Debezium's maps have: by bucket, and in one as they were
 * put in (https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/HashMap.html).
 */

/** `String.hashCode`. */
export function javaStringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** Entries as a HashMap gives them that was made for `capacity` and filled in the given order; keys are all different. */
export function inHashOrder<T>(entries: readonly T[], hashOf: (entry: T) => number, capacity = 16): readonly T[] {
  let buckets = 1;
  while (buckets < capacity) buckets *= 2;
  while (entries.length > Math.floor(buckets * 0.75)) buckets *= 2;
  const bucketOf = (entry: T): number => {
    const hash = hashOf(entry);
    return (hash ^ (hash >>> 16)) & (buckets - 1);
  };
  return entries
    .map((entry) => ({ entry, bucket: bucketOf(entry) }))
    .sort((a, b) => a.bucket - b.bucket)
    .map(({ entry }) => entry);
}
