/** What PostgreSQL's catalog says of types: by OID, since that is what the log names them by. */
import type pg from 'pg';

/** One row of `CATALOG_QUERY`: names and codes of pg_type (https://www.postgresql.org/docs/current/catalog-pg-type.html). */
export interface CatalogRow {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** typtype: b base, c composite, d domain, e enum, m multirange, p pseudo, r range. */
  readonly kind: string;
  /** The element type of an array, else 0: names and points, which have a subscript too, are no arrays. */
  readonly element: number;
  /** What separates the elements of an array: a comma, but for box. */
  readonly delimiter: string;
  /** The type that a domain is made of, else 0. */
  readonly base: number;
  /** The modifier that a domain gives its base type, or -1. */
  readonly modifier: number;
  /** What a range is of, else 0. */
  readonly subtype: number;
  /** The labels of an enum in their order, else null. */
  readonly labels: readonly string[] | null;
  /** The attributes of a composite type, else null. */
  readonly attributes: readonly CatalogAttribute[] | null;
}

export interface CatalogAttribute {
  readonly name: string;
  readonly typeId: number;
  readonly modifier: number;
}

/** Types by OID. `undefined`: created after the catalog was read; read it again (`loadTypeCatalog`) and make the column's type anew. */
export interface TypeCatalog {
  get(oid: number): CatalogRow | undefined;
}

/** All types but the row types of system tables and TOAST tables; of row types of tables the name alone. */
export const CATALOG_QUERY = `
SELECT t.oid, n.nspname AS schema, t.typname AS name, t.typtype AS kind,
  CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem::int8::int4 ELSE 0 END AS element,
  t.typdelim AS delimiter, t.typbasetype AS base, t.typtypmod AS modifier, coalesce(r.rngsubtype, 0) AS subtype,
  (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid) AS labels,
  (SELECT json_agg(json_build_object('name', a.attname, 'typeId', a.atttypid::int8, 'modifier', a.atttypmod) ORDER BY a.attnum)
   FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
   WHERE a.attrelid = t.typrelid AND c.relkind = 'c' AND a.attnum > 0 AND NOT a.attisdropped) AS attributes
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
WHERE n.nspname <> 'pg_toast'
ORDER BY t.oid`;

/** Reads the catalog in one query. Rights to read pg_catalog are all it takes. */
export async function loadTypeCatalog(sql: Pick<pg.Client, 'query'>): Promise<ReadonlyMap<number, CatalogRow>> {
  const { rows } = await sql.query<CatalogRow>(CATALOG_QUERY);
  return typeCatalog(rows);
}

/** A catalog of given rows. */
export function typeCatalog(rows: readonly CatalogRow[]): ReadonlyMap<number, CatalogRow> {
  return new Map(rows.map((row) => [row.oid, row]));
}
