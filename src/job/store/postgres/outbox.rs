//! The outbox of webhooks in PostgreSQL: deliveries are written in the transaction of the change that they report.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::moment;
use crate::job::event::NewEvent;
use crate::job::store::column::json;
use crate::job::store::error::StoreError;
use crate::job::webhook::{self, DeliveryId, Topic, WebhookId};
use crate::job::{Job, UnixMs};

/// Writes a delivery of this event for each webhook that subscribes to it.
pub(super) async fn enqueue(
    connection: &mut PgConnection,
    job: &Job,
    event: &NewEvent,
    now: UnixMs,
) -> Result<(), StoreError> {
    let Some(topic) = Topic::of(event) else {
        return Ok(());
    };
    let subscribers = sqlx::query(
        "SELECT id FROM webhooks WHERE tenant = $1 AND enabled AND jsonb_exists(events, $2) FOR KEY SHARE",
    )
    .bind(job.tenant.as_str())
    .bind(topic.as_str())
    .fetch_all(&mut *connection)
    .await?;
    for subscriber in subscribers {
        let webhook = subscriber.try_get::<Uuid, _>("id")?.into();
        let body = webhook::message_about(job, topic, now);
        insert(connection, webhook, topic, &body, now).await?;
    }
    Ok(())
}

/// Writes a delivery that is due at once.
pub(super) async fn insert(
    connection: &mut PgConnection,
    webhook: WebhookId,
    topic: Topic,
    body: &serde_json::Value,
    now: UnixMs,
) -> Result<DeliveryId, StoreError> {
    let id = DeliveryId::at(now);
    sqlx::query(
        "INSERT INTO deliveries (id, webhook, event, body, state, next_at, created_at) VALUES ($1, $2, $3, $4::json, 'pending', $5, $5)",
    )
    .bind(id.uuid())
    .bind(webhook.uuid())
    .bind(topic.as_str())
    .bind(json(body)?)
    .bind(moment::from_ms(now))
    .execute(connection)
    .await?;
    Ok(id)
}
