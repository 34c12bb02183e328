-- Each webhook has its own deliveries in progress: the outbox is read webhook by webhook.

DROP INDEX deliveries_due;
CREATE INDEX deliveries_pending ON deliveries (webhook, next_at) WHERE state = 'pending';
