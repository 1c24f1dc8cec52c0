/**
 * A text as `java.io.ObjectOutputStream` writes it: the stream's header, the tag of a string, its length and its modified
 * UTF-8. https://docs.oracle.com/en/java/javase/21/docs/specs/serialization/protocol.html
 */
const HEADER = [0xac, 0xed, 0x00, 0x05];
const STRING = 0x74;
const LONG_STRING = 0x7c;

export function serializedString(text: string): Buffer {
  const body = modifiedUtf8(text);
  if (body.length <= 0xffff) return Buffer.concat([Buffer.from([...HEADER, STRING]), uint16(body.length), body]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(body.length));
  return Buffer.concat([Buffer.from([...HEADER, LONG_STRING]), length, body]);
}

/** Each UTF-16 unit for itself, so that a character outside of the basic plane takes six bytes, and NUL two. */
function modifiedUtf8(text: string): Buffer {
  const out = Buffer.alloc(text.length * 3);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0 && unit < 0x80) out[at++] = unit;
    else if (unit < 0x800) {
      out[at++] = 0xc0 | (unit >> 6);
      out[at++] = 0x80 | (unit & 0x3f);
    } else {
      out[at++] = 0xe0 | (unit >> 12);
      out[at++] = 0x80 | ((unit >> 6) & 0x3f);
      out[at++] = 0x80 | (unit & 0x3f);
    }
  }
  return out.subarray(0, at);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
