//! Keys open what they should and nothing else; deeds stay on record.

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

/// Makes a key, and answers it as its owner would show it.
async fn made(store: &Store, new: NewKey) -> ShownKey {
    let fresh = FreshKey::draw(store.clock().await.unwrap());
    store.create_key(new, &fresh).await.unwrap();
    fresh.reveal().parse().unwrap()
}

async fn believed(store: &Store, shown: &ShownKey) -> bool {
    shown.is(store.key(shown.id).await.unwrap().as_ref())
}

pub async fn a_key_is_made_found_listed_and_revoked(store: Store) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, made(&store, new_key("a")).await.id);
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
    assert_eq!(again, revoked, "the first moment counts");
    assert_eq!(store.key(ids[0]).await.unwrap().unwrap().key, revoked);
    assert!(store.key(FreshKey::draw(0).id()).await.unwrap().is_none());
}

pub async fn a_key_is_believed_with_its_secret_while_it_is_in_force(store: Store) {
    let fresh = FreshKey::draw(store.clock().await.unwrap());
    store.create_key(new_key("a"), &fresh).await.unwrap();
    let shown: ShownKey = fresh.reveal().parse().unwrap();
    assert!(believed(&store, &shown).await);
    let other = made(&store, new_key("a")).await;
    let (_, stolen) = fresh
        .reveal()
        .rsplit_once('_')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let swapped: ShownKey = format!("optk_{}_{stolen}", other.id).parse().unwrap();
    assert!(!believed(&store, &swapped).await, "another key's secret");
    let unknown: ShownKey = FreshKey::draw(0).reveal().parse().unwrap();
    assert!(!believed(&store, &unknown).await);
    let brief = NewKey {
        lifetime_ms: Some(SHORT_MS + 200),
        ..new_key("a")
    };
    let brief = made(&store, brief).await;
    assert!(believed(&store, &brief).await);
    past(SHORT_MS + 200).await;
    assert!(!believed(&store, &brief).await, "it has expired");
    store.revoke_key(&own("a"), shown.id).await.unwrap();
    assert!(!believed(&store, &shown).await, "it is revoked");
}

pub async fn another_tenants_key_is_not_there(store: Store) {
    let shown = made(&store, new_key("a")).await;
    assert!(
        store
            .revoke_key(&own("b"), shown.id)
            .await
            .unwrap()
            .is_none()
    );
    assert!(believed(&store, &shown).await, "nobody revoked it");
    let seen = async |scope| store.list_keys(&scope, None, 10).await.unwrap().0.len();
    assert_eq!(
        (
            seen(own("b")).await,
            seen(own("a")).await,
            seen(Scope::Service).await
        ),
        (0, 1, 1)
    );
}

pub async fn a_keys_use_is_noted_once_a_minute(store: Store) {
    let id = made(&store, new_key("a")).await.id;
    let noted = async || store.key(id).await.unwrap().unwrap().key.last_used_at;
    assert_eq!(noted().await, None);
    store.note_use(id).await.unwrap();
    let first = noted().await;
    assert!(first.is_some());
    past(1).await;
    store.note_use(id).await.unwrap();
    assert_eq!(noted().await, first);
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

pub async fn deeds_are_pages_newest_first_of_one_tenant(store: Store) {
    let mut done = Vec::new();
    for number in 0..3 {
        done.insert(0, deed("a", number));
        store.record_deed(done[0].clone()).await.unwrap();
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
    assert_eq!(read, done);
}

pub async fn deeds_are_forgotten_by_age(store: Store) {
    store.record_deed(deed("a", 1)).await.unwrap();
    past(SHORT_MS).await;
    store.record_deed(deed("a", 2)).await.unwrap();
    assert_eq!(store.forget_deeds(SHORT_MS).await.unwrap(), 1);
    let left = store.deeds(&Scope::Service, None, 10).await.unwrap().0;
    assert_eq!((left.len(), left[0].deed.status), (1, 202));
}
