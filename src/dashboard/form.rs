//! Fields of a form.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded::parse;

/// The fields of a form, in their order.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The first value of a field, without spaces around it. `None` if it is empty.
    pub(crate) fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The values of a field that are not empty, without spaces around them.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter().filter(move |(own, _)| own == name);
        let values = fields.map(|(_, value)| value.trim());
        values.filter(|value| !value.is_empty())
    }

    /// The fields.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.trim()))
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let body = String::from_request(request, state).await;
        let body = body.map_err(IntoResponse::into_response)?;
        Ok(Self(parse(body.as_bytes()).into_owned().collect()))
    }
}
