/** Goes through a file's keys that are not ours, and leaves what is. */
import type { Given } from '../given.ts';
import type { Judgement, Value } from './known-key.ts';

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
  readonly judge: (key: string, value: Omit<Value, 'routed'>) => Judgement | null;
  readonly note: (key: string, text: string) => void;
}

/** Takes judged keys out of `given` and puts mapped ones in under our name. */
export function adopt(given: Map<string, Given>, { prefix, isOurs, judge, note }: Adoption): Remark[] {
  const remarks: Remark[] = [];
  for (const [key, value] of given) {
    if (!key.startsWith(prefix) || isOurs(key)) continue;
    const judgement = judge(key.slice(prefix.length), {
      text: value.unresolved ? null : value.text,
      hidden: value.hidden,
    });
    switch (judgement?.kind) {
      case undefined:
        continue;
      case 'refused':
        note(key, judgement.text);
        break;
      case 'harmless': {
        const { anyway, why } = judgement;
        remarks.push({ key, text: anyway ? `holds anyway: ${why}` : `accepted without effect: ${why}` });
        break;
      }
      case 'mapped': {
        const to = prefix + judgement.to;
        const other = given.get(to);
        const text = value.unresolved ? value.text : judgement.text;
        const mayBeSame = other?.text === text || other?.unresolved || value.unresolved;
        if (judgement.yields && other !== undefined && other.text !== text) {
          remarks.push({ key, text: `accepted without effect: ${to} wins` });
        } else if (other === undefined || other.shared || mayBeSame) {
          given.set(to, { ...value, text, spelled: key });
          remarks.push({ key, text: `read as ${to}: ${judgement.why}` });
        } else note(key, `says the same as "${other.spelled ?? to}": give one of them`);
        break;
      }
      case 'open':
        break;
    }
    given.delete(key);
  }
  return remarks;
}

/** One line of the log for all of them; keys of one reason stand together. */
export function remarksInWords(remarks: readonly Remark[]): string {
  const groups = Map.groupBy(remarks, ({ text }) => text);
  const parts = Array.from(groups, ([text, of]) => `${of.map(({ key }) => key).join(', ')} ${text}`);
  return parts.join('; ');
}
