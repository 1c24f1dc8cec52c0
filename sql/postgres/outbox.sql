-- The outbox: a service inserts an event in the transaction that makes it true.
CREATE TABLE IF NOT EXISTS public.outbox (
  id            uuid         NOT NULL PRIMARY KEY,
  aggregatetype varchar(255) NOT NULL,
  aggregateid   varchar(255) NOT NULL,
  type          varchar(255) NOT NULL,
  payload       jsonb
);
