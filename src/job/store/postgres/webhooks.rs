//! Webhooks and deliveries in PostgreSQL.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::types::Json;
use uuid::Uuid;

use super::{DELETE_BATCH, Sessions, moment, outbox, queue};
use crate::job::store::column::{self, json, word};
use crate::job::store::error::StoreError;
use crate::job::store::webhooks::{Busy, MAX_WEBHOOKS, WebhookStore};
use crate::job::tenant::{Scope, TenantId};
use crate::job::webhook::schedule::settle;
use crate::job::webhook::{
    self, Delivery, DeliveryId, Due, NewWebhook, Topic, Tried, Webhook, WebhookId,
};

async fn find(
    connection: &mut PgConnection,
    scope: &Scope,
    id: WebhookId,
) -> Result<Webhook, StoreError> {
    let found = sqlx::query("SELECT * FROM webhooks WHERE id = $1")
        .bind(id.uuid())
        .fetch_optional(connection)
        .await?;
    let found = found.as_ref().map(read).transpose()?;
    found
        .filter(|webhook| scope.holds(&webhook.tenant))
        .ok_or_else(|| StoreError::Missing(id.to_string()))
}

async fn find_delivery(
    connection: &mut PgConnection,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<Delivery, StoreError> {
    let found = sqlx::query("SELECT * FROM deliveries WHERE id = $1 AND webhook = $2")
        .bind(id.uuid())
        .bind(webhook.uuid())
        .fetch_optional(connection)
        .await?;
    let found = found.as_ref().map(read_delivery).transpose()?;
    found.ok_or_else(|| StoreError::Missing(id.to_string()))
}

#[async_trait]
impl WebhookStore for Sessions {
    async fn add_webhook(&self, new: NewWebhook) -> Result<Webhook, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        queue::lock_tenant(&mut transaction, &new.tenant).await?;
        let count: i64 = sqlx::query("SELECT COUNT(*) AS count FROM webhooks WHERE tenant = $1")
            .bind(new.tenant.as_str())
            .fetch_one(&mut *transaction)
            .await?
            .try_get("count")?;
        if count >= MAX_WEBHOOKS {
            return Err(StoreError::TooMany {
                what: "webhooks",
                most: MAX_WEBHOOKS,
            });
        }
        let webhook = Webhook {
            id: WebhookId::at(now),
            tenant: new.tenant,
            url: new.url,
            secret: new.secret,
            events: new.events,
            enabled: true,
            created_at: now,
        };
        sqlx::query("INSERT INTO webhooks (id, tenant, url, secret, events, enabled, created_at) VALUES ($1, $2, $3, $4, $5::jsonb, true, $6)")
            .bind(webhook.id.uuid())
            .bind(webhook.tenant.as_str())
            .bind(&webhook.url)
            .bind(&webhook.secret)
            .bind(json(&webhook.events)?)
            .bind(moment::from_ms(now))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(webhook)
    }

    async fn secret_key_id(&self, id: &str) -> Result<String, StoreError> {
        sqlx::query("INSERT INTO secret_key (id) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(id)
            .execute(&self.pool)
            .await?;
        let found = sqlx::query_scalar("SELECT id FROM secret_key");
        Ok(found.fetch_one(&self.pool).await?)
    }

    async fn replace_secret(&self, id: WebhookId, from: &str, to: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE webhooks SET secret = $3 WHERE id = $1 AND secret = $2")
            .bind(id.uuid())
            .bind(from)
            .bind(to)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn webhooks(&self, scope: &Scope) -> Result<Vec<Webhook>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM webhooks WHERE $1::text IS NULL OR tenant = $1 ORDER BY id")
                .bind(scope.tenant())
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(read).collect()
    }

    async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Webhook, StoreError> {
        let mut reader = self.pool.acquire().await?;
        find(&mut reader, scope, id).await
    }

    async fn enable_webhook(
        &self,
        scope: &Scope,
        id: WebhookId,
        enabled: bool,
    ) -> Result<Webhook, StoreError> {
        let (mut transaction, _) = self.begin().await?;
        let webhook = find(&mut transaction, scope, id).await?;
        sqlx::query("UPDATE webhooks SET enabled = $2 WHERE id = $1")
            .bind(id.uuid())
            .bind(enabled)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Webhook { enabled, ..webhook })
    }

    async fn remove_webhook(&self, scope: &Scope, id: WebhookId) -> Result<(), StoreError> {
        let (mut transaction, _) = self.begin().await?;
        find(&mut transaction, scope, id).await?;
        sqlx::query("DELETE FROM webhooks WHERE id = $1")
            .bind(id.uuid())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn test_webhook(&self, scope: &Scope, id: WebhookId) -> Result<Delivery, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        find(&mut transaction, scope, id).await?;
        let body = webhook::test(id, now);
        let made = outbox::insert(&mut transaction, id, Topic::Test, &body, now).await?;
        let delivery = find_delivery(&mut transaction, id, made).await?;
        transaction.commit().await?;
        Ok(delivery)
    }

    async fn deliveries(
        &self,
        scope: &Scope,
        webhook: WebhookId,
        before: Option<DeliveryId>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, bool), StoreError> {
        let mut reader = self.pool.acquire().await?;
        find(&mut reader, scope, webhook).await?;
        let rows = sqlx::query(
            "SELECT * FROM deliveries WHERE webhook = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        )
        .bind(webhook.uuid())
        .bind(before.map(DeliveryId::uuid))
        .bind(column::one_more(limit))
        .fetch_all(&mut *reader)
        .await?;
        column::page(&rows, limit, read_delivery)
    }

    async fn redeliver(
        &self,
        scope: &Scope,
        webhook: WebhookId,
        delivery: DeliveryId,
    ) -> Result<Delivery, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        find(&mut transaction, scope, webhook).await?;
        find_delivery(&mut transaction, webhook, delivery).await?;
        sqlx::query(
            "UPDATE deliveries SET state = 'pending', attempts = 0, next_at = $2, ended_at = NULL WHERE id = $1",
        )
        .bind(delivery.uuid())
        .bind(moment::from_ms(now))
        .execute(&mut *transaction)
        .await?;
        let delivery = find_delivery(&mut transaction, webhook, delivery).await?;
        transaction.commit().await?;
        Ok(delivery)
    }

    async fn due_deliveries(
        &self,
        limit: usize,
        hold_ms: i64,
        busy: &Busy,
    ) -> Result<Vec<Due>, StoreError> {
        let webhooks: Vec<Uuid> = busy.webhooks.iter().map(|id| id.uuid()).collect();
        let tenants: Vec<&str> = busy.tenants.iter().map(TenantId::as_str).collect();
        let (mut transaction, now) = self.begin().await?;
        let rows = sqlx::query(
            // The array keeps the planner from joining all deliveries.
            "SELECT deliveries.*, url, secret, tenant FROM unnest(ARRAY(
                 WITH RECURSIVE receivers AS (
                     (SELECT webhook FROM deliveries WHERE state = 'pending' ORDER BY webhook LIMIT 1)
                     UNION ALL
                     SELECT (SELECT webhook FROM deliveries WHERE state = 'pending' AND webhook > receivers.webhook
                             ORDER BY webhook LIMIT 1)
                     FROM receivers WHERE receivers.webhook IS NOT NULL
                 )
                 SELECT next.id FROM receivers
                 JOIN webhooks ON webhooks.id = receivers.webhook
                 CROSS JOIN LATERAL (
                     SELECT id, next_at FROM deliveries
                     WHERE webhook = receivers.webhook AND state = 'pending' AND next_at <= $1
                     ORDER BY next_at LIMIT 1
                 ) AS next
                 WHERE enabled AND receivers.webhook <> ALL($3) AND tenant <> ALL($4)
                 ORDER BY next.next_at LIMIT $2
             )) AS next (id)
             JOIN deliveries ON deliveries.id = next.id
             JOIN webhooks ON webhooks.id = deliveries.webhook
             WHERE deliveries.state = 'pending' AND deliveries.next_at <= $1
             ORDER BY deliveries.next_at FOR UPDATE OF deliveries SKIP LOCKED",
        )
        .bind(moment::from_ms(now))
        .bind(column::at_most(limit))
        .bind(webhooks)
        .bind(tenants)
        .fetch_all(&mut *transaction)
        .await?;
        let mut due = Vec::new();
        for found in &rows {
            let delivery = read_delivery(found)?;
            sqlx::query("UPDATE deliveries SET next_at = $2 WHERE id = $1")
                .bind(delivery.id.uuid())
                .bind(moment::from_ms(now.saturating_add(hold_ms)))
                .execute(&mut *transaction)
                .await?;
            due.push(Due {
                delivery,
                tenant: word(found.try_get("tenant")?)?,
                url: found.try_get("url")?,
                secret: found.try_get("secret")?,
            });
        }
        transaction.commit().await?;
        Ok(due)
    }

    async fn settle_delivery(
        &self,
        delivery: DeliveryId,
        tried: Tried,
        random: f64,
    ) -> Result<(), StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let found = sqlx::query("SELECT * FROM deliveries WHERE id = $1 FOR UPDATE")
            .bind(delivery.uuid())
            .fetch_optional(&mut *transaction)
            .await?;
        // Its webhook, and the delivery with it, may have been deleted meanwhile.
        let Some(found) = found.as_ref().map(read_delivery).transpose()? else {
            return Ok(());
        };
        let settled = settle(found.attempts, tried, random);
        sqlx::query(
            "UPDATE deliveries SET state = $2, attempts = $3, next_at = $4, last_status = $5, last_error = $6, ended_at = $7 WHERE id = $1",
        )
        .bind(delivery.uuid())
        .bind(settled.state.as_str())
        .bind(settled.attempts)
        .bind(settled.wait_ms.map(|wait| moment::from_ms(now + wait)))
        .bind(settled.status)
        .bind(settled.error)
        .bind(settled.wait_ms.is_none().then(|| moment::from_ms(now)))
        .execute(&mut *transaction)
        .await?;
        if settled.gone {
            sqlx::query("UPDATE webhooks SET enabled = false WHERE id = $1")
                .bind(found.webhook.uuid())
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn sweep_deliveries(&self, older_than_ms: i64) -> Result<u64, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let swept = sqlx::query("DELETE FROM deliveries WHERE ctid IN (SELECT ctid FROM deliveries WHERE ended_at <= $1 LIMIT $2)")
            .bind(moment::from_ms(now.saturating_sub(older_than_ms)))
            .bind(DELETE_BATCH)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(swept.rows_affected())
    }
}

fn read(row: &PgRow) -> Result<Webhook, StoreError> {
    Ok(Webhook {
        id: row.try_get::<Uuid, _>("id")?.into(),
        tenant: word(row.try_get("tenant")?)?,
        url: row.try_get("url")?,
        secret: row.try_get("secret")?,
        events: row.try_get::<Json<_>, _>("events")?.0,
        enabled: row.try_get("enabled")?,
        created_at: moment::read(row, "created_at")?,
    })
}

fn read_delivery(row: &PgRow) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.try_get::<Uuid, _>("id")?.into(),
        webhook: row.try_get::<Uuid, _>("webhook")?.into(),
        topic: row.try_get("event")?,
        body: row.try_get::<Json<_>, _>("body")?.0,
        state: word(row.try_get("state")?)?,
        attempts: row.try_get("attempts")?,
        next_at: moment::read_optional(row, "next_at")?,
        last_status: row.try_get("last_status")?,
        last_error: row.try_get("last_error")?,
        created_at: moment::read(row, "created_at")?,
        ended_at: moment::read_optional(row, "ended_at")?,
    })
}
