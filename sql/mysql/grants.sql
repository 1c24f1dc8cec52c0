-- The connector's account, for the MySQL source, which is not there yet: it may read the binary log, ask where the log
-- ends, and read the outbox of the database that the session is in.
-- The password is set apart from this file, and unlocks it: ALTER USER millrace IDENTIFIED BY '…' ACCOUNT UNLOCK.
CREATE USER IF NOT EXISTS millrace ACCOUNT LOCK;
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO millrace;
GRANT SELECT ON outbox TO millrace;
