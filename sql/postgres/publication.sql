-- For a connector with publication.autocreate.mode=disabled: its role then needs no rights on the table at all.
-- The name is the one it takes by default (millrace_ and the connector's name), else publication.name.
CREATE PUBLICATION millrace_postgres_outbox FOR TABLE public.outbox WITH (publish_via_partition_root = true);
