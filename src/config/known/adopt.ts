/** Goes through a file's keys that are not ours, and leaves what is. */
import type { Given } from '../given.ts';
import type { Judgement } from './known-key.ts';

/** What is said once when the connector starts. */
export interface Remark {
  /** As the file spells it. */
  readonly key: string;
  readonly text: string;
}

export interface Adoption {
  /** Before every key in question, such as `transforms.outbox.`. */
  readonly prefix: string;
  readonly isOurs: (key: string) => boolean;
  /** Asked without the prefix. */
  readonly judge: (key: string, text: string, hidden: boolean) => Judgement | null;
  readonly note: (key: string, text: string) => void;
}

/** Takes judged keys out of `given` and puts mapped ones in under our name. */
export function adopt(given: Map<string, Given>, { prefix, isOurs, judge, note }: Adoption): Remark[] {
  const remarks: Remark[] = [];
  for (const [key, value] of given) {
    if (!key.startsWith(prefix) || isOurs(key)) continue;
    const judgement = judge(key.slice(prefix.length), value.text, value.hidden);
    if (judgement === null) continue;
    if (judgement.kind === 'refused') note(key, judgement.text);
    else if (judgement.kind === 'harmless') {
      const { anyway, why } = judgement;
      remarks.push({ key, text: anyway ? `holds anyway: ${why}` : `accepted without effect: ${why}` });
    } else {
      const to = prefix + judgement.to;
      const other = given.get(to);
      if (other === undefined || other.shared || other.text === judgement.text) {
        given.set(to, { ...value, text: judgement.text, spelled: key });
        remarks.push({ key, text: `read as ${to}: ${judgement.why}` });
      } else note(key, `says the same as "${other.spelled ?? to}": give one of them`);
    }
    given.delete(key);
  }
  return remarks;
}
