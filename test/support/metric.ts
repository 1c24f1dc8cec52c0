/** What /metrics of an instance shows. */

/** The value of the series of that name (with the labels given, if any); null if there is none. */
export async function metricOf(http: string, name: string, labels = ''): Promise<number | null> {
  const text = await (await fetch(`http://${http}/metrics`)).text();
  for (const line of text.split('\n')) {
    if (line.startsWith(`${name}{`) && line.includes(labels)) return Number(line.slice(line.lastIndexOf(' ')));
  }
  return null;
}
