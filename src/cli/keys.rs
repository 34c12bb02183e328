//! `optin keys`: manages API keys directly in the database, for the first key and if no service runs.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::Exit;
use super::one_of::explained;
use super::output;
use super::runtime::runtime;
use super::stores::Database;
use crate::api::parse_ms;
use crate::config::storage::DatabaseFlags;
use crate::job::key::{ApiKey, FreshKey, KeyId, KeyScope, NewKey, key_name};
use crate::job::store::Store;
use crate::job::{Scope, TenantId};

/// Number of keys per page that is read from the database.
const PAGE: usize = 100;

/// Shown at the end of `optin keys create --help`.
const CREATE_EXAMPLES: &str = "\
Examples:
  Create a key for the jobs of a team:
    optin keys create --tenant research --name laptop --scope write --expires 90d

  Create a key with which Prometheus reads /metrics, in the database of a service in /var/lib/optin:
    optin keys create --tenant operations --name prometheus --scope metrics --data-dir /var/lib/optin";

/// Flags of `optin keys`.
#[derive(Args)]
pub(super) struct KeysCommand {
    #[command(subcommand)]
    verb: Verb,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    database: DatabaseFlags,
}

#[derive(Subcommand)]
enum Verb {
    /// Create a key and print it
    ///
    /// The key is shown only once. The database stores only a hash of its secret.
    #[command(after_help = CREATE_EXAMPLES)]
    Create {
        /// Tenant whose jobs the key gives access to: 1 to 40 characters of a-z, 0-9 and '-'
        #[arg(long, value_name = "NAME")]
        tenant: TenantId,
        /// Name of the key, for your own reference (1 to 100 characters)
        #[arg(long, value_name = "TEXT", value_parser = key_name)]
        name: String,
        /// Scope of the key: what it allows
        #[arg(long, value_parser = explained::<KeyScope>())]
        scope: KeyScope,
        /// Lifetime of the key, such as 12h or 90d (units: s, m, h, d) [default: unlimited]
        #[arg(long, value_name = "DURATION", value_parser = parse_ms)]
        expires: Option<i64>,
    },
    /// List all keys, newest first, without their secrets
    List,
    /// Revoke a key; requests with it fail from then on
    Revoke {
        /// ID of the key, as `optin keys list` prints it
        id: KeyId,
    },
}

/// Creates, lists or revokes keys.
pub(super) fn run(command: &KeysCommand) -> Result<(), Exit> {
    runtime()?.block_on(async {
        let database = Database::open(
            &command.database,
            "if a service is running, manage keys through its API: POST, GET and DELETE /v1/keys with an admin key",
        );
        let store = database.await?.store();
        let broken = |error: crate::job::store::StoreError| Exit::Broken(error.to_string());
        match &command.verb {
            Verb::Create { tenant, name, scope, expires } => {
                let new = NewKey {
                    tenant: tenant.clone(),
                    name: name.clone(),
                    scope: *scope,
                    lifetime_ms: *expires,
                };
                let fresh = FreshKey::draw(store.clock().await.map_err(broken)?);
                let key = store.create_key(new, &fresh).await.map_err(broken)?;
                created(&key, &fresh, command.json)
            }
            Verb::List => list(store.as_ref(), command.json).await,
            Verb::Revoke { id } => {
                let revoked = store.revoke_key(&Scope::Service, *id).await;
                let key = revoked
                    .map_err(broken)?
                    .ok_or_else(|| Exit::Broken(format!("key {id} not found")))?;
                match command.json {
                    true => output::print_json(&document(&key)),
                    false => output::print(&line(&key)),
                }
            }
        }
    })
}

fn created(key: &ApiKey, fresh: &FreshKey, json: bool) -> Result<(), Exit> {
    if json {
        let mut document = document(key);
        document["key"] = Value::from(fresh.reveal());
        return output::print_json(&document);
    }
    output::note("store this key now; it cannot be shown again");
    output::print(&fresh.reveal())
}

async fn list(store: &dyn Store, json: bool) -> Result<(), Exit> {
    let (mut keys, mut more) = (Vec::new(), true);
    while more {
        let before = keys.last().map(|key: &ApiKey| key.id);
        let page = store.list_keys(&Scope::Service, before, PAGE).await;
        let (page, follows) = page.map_err(|error| Exit::Broken(error.to_string()))?;
        keys.extend(page);
        more = follows;
    }
    if json {
        let data: Vec<Value> = keys.iter().map(document).collect();
        return output::print_json(&json!({"object": "list", "data": data}));
    }
    keys.iter().try_for_each(|key| output::print(&line(key)))
}

fn moment(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}

fn document(key: &ApiKey) -> Value {
    json!({
        "id": key.id.to_string(),
        "object": "key",
        "name": key.name,
        "tenant": key.tenant.as_str(),
        "scope": key.scope.as_str(),
        "created_at": moment(key.created_at),
        "expires_at": key.expires_at.map(moment),
        "revoked_at": key.revoked_at.map(moment),
        "last_used_at": key.last_used_at.map(moment),
    })
}

fn line(key: &ApiKey) -> String {
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", moment(at)),
        (None, Some(at)) => format!("expires {}", moment(at)),
        (None, None) => "active".to_owned(),
    };
    let used = key.last_used_at.map_or_else(
        || "never used".to_owned(),
        |at| format!("used {}", moment(at)),
    );
    format!(
        "{}  {:7}  {}  {}  {state}  {used}",
        key.id,
        key.scope.as_str(),
        key.tenant,
        key.name
    )
}
