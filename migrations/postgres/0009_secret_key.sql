-- The id of the key that encrypts the secrets of the webhooks: one row.

CREATE TABLE secret_key (
    single boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (single),
    id     text    NOT NULL
);
