//! A browser without JavaScript: it keeps cookies, and sends what browsers send with forms.

use axum::body::Body;
use optin::job::key::{FreshKey, KeyScope, NewKey};
use optin::job::store::keys::KeyStore;
use url::form_urlencoded::Serializer;

use crate::api::harness::{Harness, Options, Response};

pub struct Browser {
    pub harness: Harness,
    pub cookie: Option<String>,
}

impl Browser {
    pub async fn new() -> Self {
        Self {
            harness: Harness::new().await,
            cookie: None,
        }
    }

    /// A browser of a service that requires API keys.
    pub async fn with_keys() -> Self {
        let options = Options {
            keys_required: true,
            ..Options::default()
        };
        Self {
            harness: Harness::with(options).await,
            cookie: None,
        }
    }

    pub async fn create_key(&self, tenant: &str, scope: KeyScope) -> FreshKey {
        let fresh = FreshKey::draw(
            optin::job::store::JobStore::clock(self.harness.jobs.as_ref())
                .await
                .unwrap(),
        );
        let new = NewKey {
            tenant: tenant.parse().unwrap(),
            name: "test".into(),
            scope,
            lifetime_ms: None,
        };
        self.harness.jobs.create_key(new, &fresh).await.unwrap();
        fresh
    }

    /// Signs in with a new key of a tenant.
    pub async fn sign_in(&mut self, tenant: &str, scope: KeyScope) -> FreshKey {
        let key = self.create_key(tenant, scope).await;
        let response = self.send_form("/sign-in", &[("key", &key.reveal())]).await;
        assert_eq!(response.status, 303, "{}", response.text());
        self.cookie = Some(
            response
                .header("set-cookie")
                .split(';')
                .next()
                .unwrap()
                .to_owned(),
        );
        key
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Response {
        let mut all = headers.to_vec();
        if let Some(cookie) = &self.cookie {
            all.push(("cookie", cookie));
        }
        self.harness.send(method, path, &all, body).await
    }

    pub async fn open(&self, path: &str) -> Response {
        self.send("GET", path, &[], Body::empty()).await
    }

    /// Opens a page that must exist, and returns its text.
    pub async fn page(&self, path: &str) -> String {
        let response = self.open(path).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text());
        assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
        response.text()
    }

    /// Sends a form as the browser does from a page of the service.
    pub async fn send_form(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.send_form_from("same-origin", path, fields).await
    }

    /// Sends a form as the browser does from a page of another or the same site.
    pub async fn send_form_from(
        &self,
        site: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Response {
        let mut body = Serializer::new(String::new());
        body.extend_pairs(fields);
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", site),
        ];
        self.send("POST", path, &headers, body.finish()).await
    }
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The place that the response redirects to.
    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text());
        self.header("location")
    }
}
