-- What the connector's role needs: to log in, to replicate, and to own the table it publishes
-- (or have the publication created for it, with publication.autocreate.mode=disabled).
CREATE ROLE millrace LOGIN REPLICATION;
GRANT CREATE ON DATABASE orders TO millrace;
ALTER TABLE public.outbox OWNER TO millrace;
