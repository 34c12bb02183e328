//! Behaviors of API keys and of the audit log.

use optin::job::audit::Deed;
use optin::job::key::{FreshKey, KeyScope, NewKey, ShownKey};
use optin::job::{Scope, TenantId};

use super::{SHORT_MS, Store, past};

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn own(name: &str) -> Scope {
    Scope::Tenant(tenant(name))
}

fn new_key(name: &str) -> NewKey {
    NewKey {
        tenant: tenant(name),
        name: "laptop".into(),
        scope: KeyScope::Write,
        lifetime_ms: None,
    }
}

/// Creates a key and returns it in the form that a client presents.
async fn create(store: &Store, new: NewKey) -> ShownKey {
    let fresh = FreshKey::draw(store.clock().await.unwrap());
    store.create_key(new, &fresh).await.unwrap();
    fresh.reveal().parse().unwrap()
}

/// Whether the store accepts a presented key.
async fn is_valid(store: &Store, shown: &ShownKey) -> bool {
    shown.is(store.key(shown.id).await.unwrap().as_ref())
}

pub async fn a_key_can_be_created_found_listed_and_revoked(store: Store) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, create(&store, new_key("a")).await.id);
    }
    let (first, more) = store.list_keys(&own("a"), None, 2).await.unwrap();
    assert!(more);
    let (rest, more) = store.list_keys(&own("a"), Some(ids[1]), 2).await.unwrap();
    assert!(!more);
    let listed: Vec<_> = first.iter().chain(&rest).map(|key| key.id).collect();
    assert_eq!(listed, ids);
    assert_eq!(
        (first[0].name.as_str(), first[0].scope, first[0].revoked_at),
        ("laptop", KeyScope::Write, None)
    );
    let revoked = store.revoke_key(&own("a"), ids[0]).await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some());
    past(1).await;
    let again = store.revoke_key(&own("a"), ids[0]).await.unwrap().unwrap();
    assert_eq!(again, revoked, "a second revocation changes nothing");
    assert_eq!(store.key(ids[0]).await.unwrap().unwrap().key, revoked);
    assert!(store.key(FreshKey::draw(0).id()).await.unwrap().is_none());
}

pub async fn a_key_is_valid_only_with_its_secret_and_until_it_expires_or_is_revoked(store: Store) {
    let fresh = FreshKey::draw(store.clock().await.unwrap());
    store.create_key(new_key("a"), &fresh).await.unwrap();
    let shown: ShownKey = fresh.reveal().parse().unwrap();
    assert!(is_valid(&store, &shown).await);
    let other = create(&store, new_key("a")).await;
    let (_, stolen) = fresh
        .reveal()
        .rsplit_once('_')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let swapped: ShownKey = format!("optk_{}_{stolen}", other.id).parse().unwrap();
    assert!(
        !is_valid(&store, &swapped).await,
        "the secret belongs to another key"
    );
    let unknown: ShownKey = FreshKey::draw(0).reveal().parse().unwrap();
    assert!(!is_valid(&store, &unknown).await);
    let brief = NewKey {
        lifetime_ms: Some(SHORT_MS + 200),
        ..new_key("a")
    };
    let brief = create(&store, brief).await;
    assert!(is_valid(&store, &brief).await);
    past(SHORT_MS + 200).await;
    assert!(!is_valid(&store, &brief).await, "the key has expired");
    store.revoke_key(&own("a"), shown.id).await.unwrap();
    assert!(!is_valid(&store, &shown).await, "the key is revoked");
}

pub async fn keys_of_other_tenants_are_not_found(store: Store) {
    let shown = create(&store, new_key("a")).await;
    assert!(
        store
            .revoke_key(&own("b"), shown.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        is_valid(&store, &shown).await,
        "another tenant must not revoke the key"
    );
    let count = async |scope| store.list_keys(&scope, None, 10).await.unwrap().0.len();
    assert_eq!(
        (
            count(own("b")).await,
            count(own("a")).await,
            count(Scope::Service).await
        ),
        (0, 1, 1)
    );
}

pub async fn the_last_use_of_a_key_is_updated_at_most_once_a_minute(store: Store) {
    let id = create(&store, new_key("a")).await.id;
    let last_use = async || store.key(id).await.unwrap().unwrap().key.last_used_at;
    assert_eq!(last_use().await, None);
    store.note_use(id).await.unwrap();
    let first = last_use().await;
    assert!(first.is_some());
    past(1).await;
    store.note_use(id).await.unwrap();
    assert_eq!(last_use().await, first);
}

fn deed(name: &str, number: u16) -> Deed {
    Deed {
        tenant: tenant(name),
        key: Some(FreshKey::draw(0).id()),
        method: "POST".into(),
        route: "/v1/jobs".into(),
        subject: Some(format!("job_{number}")),
        status: 200 + number,
        request_id: "r".into(),
    }
}

pub async fn audit_entries_of_a_tenant_are_paginated_newest_first(store: Store) {
    let mut recorded = Vec::new();
    for number in 0..3 {
        recorded.insert(0, deed("a", number));
        store.record_deed(recorded[0].clone()).await.unwrap();
        store.record_deed(deed("b", number)).await.unwrap();
    }
    let (first, more) = store.deeds(&own("a"), None, 2).await.unwrap();
    assert!(more && first[0].sequence > first[1].sequence && first[1].at > 0);
    let (rest, more) = store
        .deeds(&own("a"), Some(first[1].sequence), 2)
        .await
        .unwrap();
    assert!(!more);
    let read: Vec<_> = first
        .into_iter()
        .chain(rest)
        .map(|entry| entry.deed)
        .collect();
    assert_eq!(read, recorded);
}

pub async fn audit_entries_are_deleted_after_their_retention_period(store: Store) {
    store.record_deed(deed("a", 1)).await.unwrap();
    past(SHORT_MS).await;
    store.record_deed(deed("a", 2)).await.unwrap();
    assert_eq!(store.forget_deeds(SHORT_MS).await.unwrap(), 1);
    let left = store.deeds(&Scope::Service, None, 10).await.unwrap().0;
    assert_eq!((left.len(), left[0].deed.status), (1, 202));
}
