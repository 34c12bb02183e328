-- The id of the key that encrypts the secrets of the webhooks: one row.

CREATE TABLE secret_key (
    single INTEGER NOT NULL PRIMARY KEY CHECK (single = 1),
    id     TEXT    NOT NULL
) STRICT;
