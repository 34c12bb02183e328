//! Webhooks and deliveries in SQLite.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{SqliteFile, outbox};
use crate::job::store::column::{self, document, json, parsed, word};
use crate::job::store::error::StoreError;
use crate::job::store::webhooks::{Busy, MAX_WEBHOOKS, WebhookStore};
use crate::job::tenant::Scope;
use crate::job::webhook::schedule::settle;
use crate::job::webhook::{
    self, Delivery, DeliveryId, Due, NewWebhook, Topic, Tried, Webhook, WebhookId,
};

async fn find(
    connection: &mut SqliteConnection,
    scope: &Scope,
    id: WebhookId,
) -> Result<Webhook, StoreError> {
    let found = sqlx::query("SELECT * FROM webhooks WHERE id = ?1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    let found = found.as_ref().map(read).transpose()?;
    found
        .filter(|webhook| scope.holds(&webhook.tenant))
        .ok_or_else(|| StoreError::Missing(id.to_string()))
}

async fn find_delivery(
    connection: &mut SqliteConnection,
    webhook: WebhookId,
    id: DeliveryId,
) -> Result<Delivery, StoreError> {
    let found = sqlx::query("SELECT * FROM deliveries WHERE id = ?1 AND webhook = ?2")
        .bind(id.to_string())
        .bind(webhook.to_string())
        .fetch_optional(connection)
        .await?;
    let found = found.as_ref().map(read_delivery).transpose()?;
    found.ok_or_else(|| StoreError::Missing(id.to_string()))
}

#[async_trait]
impl WebhookStore for SqliteFile {
    async fn add_webhook(&self, new: NewWebhook) -> Result<Webhook, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let count: i64 = sqlx::query("SELECT COUNT(*) AS count FROM webhooks WHERE tenant = ?1")
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
        sqlx::query("INSERT INTO webhooks (id, tenant, url, secret, events, enabled, created_at) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6)")
            .bind(webhook.id.to_string())
            .bind(webhook.tenant.as_str())
            .bind(&webhook.url)
            .bind(&webhook.secret)
            .bind(json(&webhook.events)?)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(webhook)
    }

    async fn secret_key_id(&self, id: &str) -> Result<String, StoreError> {
        let (mut transaction, _) = self.begin().await?;
        sqlx::query("INSERT INTO secret_key (single, id) VALUES (1, ?1) ON CONFLICT DO NOTHING")
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        let found = sqlx::query_scalar("SELECT id FROM secret_key")
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(found)
    }

    async fn replace_secret(&self, id: WebhookId, from: &str, to: &str) -> Result<(), StoreError> {
        let (mut transaction, _) = self.begin().await?;
        sqlx::query("UPDATE webhooks SET secret = ?3 WHERE id = ?1 AND secret = ?2")
            .bind(id.to_string())
            .bind(from)
            .bind(to)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn webhooks(&self, scope: &Scope) -> Result<Vec<Webhook>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM webhooks WHERE ?1 IS NULL OR tenant = ?1 ORDER BY id")
                .bind(scope.tenant())
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(read).collect()
    }

    async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Webhook, StoreError> {
        let mut reader = self.readers.acquire().await?;
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
        sqlx::query("UPDATE webhooks SET enabled = ?2 WHERE id = ?1")
            .bind(id.to_string())
            .bind(enabled)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Webhook { enabled, ..webhook })
    }

    async fn remove_webhook(&self, scope: &Scope, id: WebhookId) -> Result<(), StoreError> {
        let (mut transaction, _) = self.begin().await?;
        find(&mut transaction, scope, id).await?;
        sqlx::query("DELETE FROM webhooks WHERE id = ?1")
            .bind(id.to_string())
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
        let mut reader = self.readers.acquire().await?;
        find(&mut reader, scope, webhook).await?;
        let rows = sqlx::query(
            "SELECT * FROM deliveries WHERE webhook = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
        )
        .bind(webhook.to_string())
        .bind(before.map(|id| id.to_string()))
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
            "UPDATE deliveries SET state = 'pending', attempts = 0, next_at = ?2, ended_at = NULL WHERE id = ?1",
        )
        .bind(delivery.to_string())
        .bind(now)
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
        let webhooks: Vec<String> = busy.webhooks.iter().map(ToString::to_string).collect();
        let (mut transaction, now) = self.begin().await?;
        let rows = sqlx::query(
            "WITH RECURSIVE receivers (webhook) AS (
                 SELECT MIN(webhook) FROM deliveries WHERE state = 'pending'
                 UNION ALL
                 SELECT (SELECT MIN(webhook) FROM deliveries WHERE state = 'pending' AND webhook > receivers.webhook)
                 FROM receivers WHERE receivers.webhook IS NOT NULL
             ),
             next (delivery, url, secret, tenant) AS (
                 SELECT (SELECT id FROM deliveries WHERE webhook = receivers.webhook AND state = 'pending' AND next_at <= ?1
                         ORDER BY next_at LIMIT 1), url, secret, tenant
                 FROM receivers JOIN webhooks ON webhooks.id = receivers.webhook
                 WHERE enabled = 1 AND receivers.webhook NOT IN (SELECT value FROM json_each(?3))
                   AND tenant NOT IN (SELECT value FROM json_each(?4))
             )
             SELECT deliveries.*, url, secret, tenant FROM next JOIN deliveries ON deliveries.id = next.delivery
             ORDER BY deliveries.next_at LIMIT ?2",
        )
        .bind(now)
        .bind(column::at_most(limit))
        .bind(json(&webhooks)?)
        .bind(json(&busy.tenants)?)
        .fetch_all(&mut *transaction)
        .await?;
        let mut due = Vec::new();
        for row in &rows {
            let delivery = read_delivery(row)?;
            sqlx::query("UPDATE deliveries SET next_at = ?2 WHERE id = ?1")
                .bind(delivery.id.to_string())
                .bind(now + hold_ms)
                .execute(&mut *transaction)
                .await?;
            due.push(Due {
                delivery,
                tenant: word(row.try_get("tenant")?)?,
                url: row.try_get("url")?,
                secret: row.try_get("secret")?,
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
        let found = sqlx::query("SELECT * FROM deliveries WHERE id = ?1")
            .bind(delivery.to_string())
            .fetch_optional(&mut *transaction)
            .await?;
        // Its webhook, and the delivery with it, may have been deleted meanwhile.
        let Some(found) = found.as_ref().map(read_delivery).transpose()? else {
            return Ok(());
        };
        let settled = settle(found.attempts, tried, random);
        sqlx::query(
            "UPDATE deliveries SET state = ?2, attempts = ?3, next_at = ?4, last_status = ?5, last_error = ?6, ended_at = ?7 WHERE id = ?1",
        )
        .bind(delivery.to_string())
        .bind(settled.state.as_str())
        .bind(settled.attempts)
        .bind(settled.wait_ms.map(|wait| now + wait))
        .bind(settled.status)
        .bind(settled.error)
        .bind(settled.wait_ms.is_none().then_some(now))
        .execute(&mut *transaction)
        .await?;
        if settled.gone {
            sqlx::query("UPDATE webhooks SET enabled = 0 WHERE id = ?1")
                .bind(found.webhook.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn sweep_deliveries(&self, older_than_ms: i64) -> Result<u64, StoreError> {
        let (mut transaction, now) = self.begin().await?;
        let swept = sqlx::query("DELETE FROM deliveries WHERE ended_at <= ?1")
            .bind(now.saturating_sub(older_than_ms))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(swept.rows_affected())
    }
}

fn read(row: &SqliteRow) -> Result<Webhook, StoreError> {
    Ok(Webhook {
        id: parsed(row.try_get("id")?)?,
        tenant: word(row.try_get("tenant")?)?,
        url: row.try_get("url")?,
        secret: row.try_get("secret")?,
        events: document(row.try_get("events")?)?,
        enabled: row.try_get("enabled")?,
        created_at: row.try_get("created_at")?,
    })
}

fn read_delivery(row: &SqliteRow) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: parsed(row.try_get("id")?)?,
        webhook: parsed(row.try_get("webhook")?)?,
        topic: row.try_get("event")?,
        body: document(row.try_get("body")?)?,
        state: word(row.try_get("state")?)?,
        attempts: row.try_get("attempts")?,
        next_at: row.try_get("next_at")?,
        last_status: row.try_get("last_status")?,
        last_error: row.try_get("last_error")?,
        created_at: row.try_get("created_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}
