-- The outbox: a service inserts an event in the transaction that makes it true.
-- The keys of json columns come back in MySQL's order; longtext keeps a text as it is, longblob any bytes.
-- With id binary(16), publish of millrace/outbox is told idAs: 'bytes'.
CREATE TABLE IF NOT EXISTS outbox (
  id            char(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
  aggregatetype varchar(255) NOT NULL,
  aggregateid   varchar(255) NOT NULL,
  type          varchar(255) NOT NULL,
  payload       json
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
