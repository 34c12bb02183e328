//! Sessions: an API key, sealed in a cookie.
//!
//! The cookie holds the key, encrypted with ChaCha20-Poly1305. So every process with the same secret accepts it, and the
//! API checks the key at each request: the session ends when the key is revoked or expires.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use url::Url;

use crate::sealing::{KEY_BYTES, Sealing, derived};

/// Lifetime of a session.
const LIFETIME: Duration = Duration::from_secs(12 * 3_600);

/// Name of the cookie, and its name over HTTPS: browsers accept that one only with `Secure`, for this host and all paths.
const NAME: &str = "optin_session";
const SECURE_NAME: &str = "__Host-optin_session";

/// What the encryption is bound to.
const PURPOSE: &[u8] = b"optin dashboard session 1";

/// Seals and opens the cookies of sessions.
pub struct Sessions {
    key: Sealing,
    secure: bool,
    origin: Option<String>,
}

impl Sessions {
    /// Creates the sessions of a service from its secret and the URL at which clients reach it. Over HTTPS, browsers
    /// return the cookie only over HTTPS.
    #[must_use]
    pub fn new(secret: &[u8; KEY_BYTES], public_url: &str) -> Self {
        let url = Url::parse(public_url).ok();
        Self {
            key: Sealing::new(&derived(secret, PURPOSE)),
            secure: url.as_ref().is_some_and(|url| url.scheme() == "https"),
            origin: url.map(|url| url.origin().ascii_serialization()),
        }
    }

    /// The origin at which browsers reach the service.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    fn name(&self) -> &'static str {
        if self.secure { SECURE_NAME } else { NAME }
    }

    /// The header that starts a session.
    pub(crate) fn start(&self, key: &str) -> Option<HeaderValue> {
        let sealed = self.seal(key, SystemTime::now() + LIFETIME)?;
        self.cookie(&sealed, LIFETIME)
    }

    /// The header that ends the session.
    pub(crate) fn end(&self) -> Option<HeaderValue> {
        self.cookie("", Duration::ZERO)
    }

    fn cookie(&self, value: &str, lifetime: Duration) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie = format!(
            "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
            self.name(),
            lifetime.as_secs()
        );
        HeaderValue::try_from(cookie).ok()
    }

    /// The API key of the session of a request. `None` if it has no session, or if the session has ended or was not
    /// started by this service.
    pub(crate) fn key(&self, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|value| value.split(';'));
        let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == self.name())?;
        self.open(value, SystemTime::now())
    }

    fn seal(&self, key: &str, until: SystemTime) -> Option<String> {
        let until = seconds(until)?.to_be_bytes();
        let content = [until.as_slice(), key.as_bytes()].concat();
        Some(BASE64_URL_SAFE_NO_PAD.encode(self.key.seal(PURPOSE, &content)))
    }

    fn open(&self, sealed: &str, now: SystemTime) -> Option<String> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let content = self.key.open(PURPOSE, &sealed)?;
        let (until, key) = content.split_first_chunk::<8>()?;
        let lasts = u64::from_be_bytes(*until) > seconds(now)?;
        lasts.then(|| String::from_utf8(key.to_vec()).ok())?
    }
}

fn seconds(moment: SystemTime) -> Option<u64> {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::{LIFETIME, Sessions};
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_session_opens_until_it_ends_and_only_with_its_secret() {
        let sessions = Sessions::new(&[1; 32], "http://127.0.0.1:8080");
        let now = SystemTime::now();
        let sealed = sessions
            .seal("optk_secret", now + LIFETIME)
            .unwrap_or_default();
        assert!(!sealed.contains("secret") && sealed.len() > 40);
        assert_eq!(sessions.open(&sealed, now).as_deref(), Some("optk_secret"));
        let end = now + LIFETIME + Duration::from_secs(1);
        assert_eq!(sessions.open(&sealed, end), None);
        let other = Sessions::new(&[2; 32], "http://127.0.0.1:8080");
        assert_eq!(other.open(&sealed, now), None);
        let changed = format!("A{}", &sealed[1..]);
        let changed = if changed == sealed {
            format!("B{}", &sealed[1..])
        } else {
            changed
        };
        assert_eq!(sessions.open(&changed, now), None);
        assert_eq!(sessions.open("", now), None);
    }

    #[test]
    fn the_cookie_is_secure_behind_https() {
        let plain = Sessions::new(&[1; 32], "http://127.0.0.1:8080");
        let secure = Sessions::new(&[1; 32], "https://optin.example");
        for (sessions, is_secure) in [(&plain, false), (&secure, true)] {
            let cookie = sessions.start("key").expect("a cookie");
            let cookie = cookie.to_str().unwrap_or_default();
            assert_eq!(cookie.starts_with("__Host-"), is_secure, "{cookie}");
            assert_eq!(cookie.ends_with("; Secure"), is_secure, "{cookie}");
            assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        }
    }
}
