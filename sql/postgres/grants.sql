-- The connector's role. It may log in, replicate, and publish the outbox: for that PostgreSQL wants it to own the table
-- and to be allowed to create in the database. Where it must not, leave the last two statements out and let the owner
-- of the table run publication.sql.
-- The password is set apart from this file: ALTER ROLE millrace PASSWORD '…'.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'millrace') THEN
    CREATE ROLE millrace LOGIN REPLICATION;
  END IF;
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO millrace', current_database());
END
$$;

DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO millrace', current_database()); END $$;
ALTER TABLE public.outbox OWNER TO millrace;
