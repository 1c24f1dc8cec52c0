/** point, and PostGIS's geometry and geography (https://postgis.net/docs/using_postgis_dbmanagement.html#EWKB_EWKT). */
import type { ColumnType } from '../../../change/column-type.ts';
import { jsonWord } from '../../../change/json-word.ts';
import { malformed } from './malformed.ts';
import { GEOGRAPHY, GEOMETRY, POINT } from './schemas.ts';

const WKB_POINT = 1;
/** A flag of the geometry's type: an SRID follows it. */
const HAS_SRID = 0x2000_0000;

/** `(1,2)`: both numbers, and a point in well-known binary, little-endian. */
export const pointType: ColumnType = {
  schema: POINT,
  data: (bytes) => {
    const { x, y } = readPoint(bytes);
    return { x, y, wkb: pointWkb(x, y), srid: null };
  },
  json: (bytes, out) => {
    const { x, y } = readPoint(bytes);
    out.ascii(`{"x":${jsonWord(x, 'float64')},"y":${jsonWord(y, 'float64')},"wkb":`);
    out.base64(pointWkb(x, y));
    out.ascii(',"srid":null}');
  },
};

function readPoint(bytes: Buffer): { readonly x: number; readonly y: number } {
  const match = /^\(([^,()]+),([^,()]+)\)$/.exec(bytes.toString('latin1'));
  const [x, y] = [coordinate(match?.[1]), coordinate(match?.[2])];
  if (x === null || y === null) throw malformed('point', 'two numbers in parentheses');
  return { x, y };
}

function coordinate(text: string | undefined): number | null {
  const value = Number(text ?? '');
  return text === undefined || (Number.isNaN(value) && text !== 'NaN') ? null : value;
}

function pointWkb(x: number, y: number): Buffer {
  const wkb = Buffer.allocUnsafe(21);
  wkb[0] = 1;
  wkb.writeUInt32LE(WKB_POINT, 1);
  wkb.writeDoubleLE(x, 5);
  wkb.writeDoubleLE(y, 13);
  return wkb;
}

/** Well-known binary as PostGIS writes it, in hexadecimal, SRID included; and the SRID once more, if there is one. */
function postgisType(schema: typeof GEOMETRY): ColumnType {
  return {
    schema,
    data: (bytes) => {
      const wkb = readEwkb(bytes);
      return { wkb, srid: sridOf(wkb) };
    },
    json: (bytes, out) => {
      const wkb = readEwkb(bytes);
      out.ascii('{"wkb":');
      out.base64(wkb);
      out.ascii(`,"srid":${String(sridOf(wkb))}}`);
    },
  };
}
export const geometryType = postgisType(GEOMETRY);
export const geographyType = postgisType(GEOGRAPHY);

function readEwkb(text: Buffer): Buffer {
  const wkb = Buffer.from(text.toString('latin1'), 'hex');
  if (wkb.length * 2 !== text.length || wkb.length < 9) throw malformed('geometry', 'EWKB in hexadecimal');
  return wkb;
}

function sridOf(wkb: Buffer): number | null {
  const isLittle = wkb[0] !== 0;
  const type = isLittle ? wkb.readUInt32LE(1) : wkb.readUInt32BE(1);
  if ((type & HAS_SRID) === 0) return null;
  return isLittle ? wkb.readInt32LE(5) : wkb.readInt32BE(5);
}
