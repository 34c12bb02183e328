//! Lists jobs.

use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::super::exit::Exit;
use super::Client;
use crate::job::State;

/// Maximum number of jobs per page.
const PAGE: usize = 100;

/// A page of jobs.
#[derive(Deserialize)]
struct Page {
    data: Vec<Value>,
    next_cursor: Option<String>,
}

impl Client {
    /// Returns the newest jobs, newest first: at most `limit`, and only jobs in these states, if there are any.
    pub(in super::super) async fn list(
        &self,
        states: &[State],
        limit: usize,
    ) -> Result<Vec<Value>, Exit> {
        let (mut jobs, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = Serializer::new(String::new());
            query.append_pair("limit", &(limit - jobs.len()).min(PAGE).to_string());
            query.extend_pairs(states.iter().map(|state| ("state", state.as_str())));
            query.extend_pairs(cursor.iter().map(|cursor| ("cursor", cursor)));
            let path = format!("/v1/jobs?{}", query.finish());
            let page: Page = self.answer(self.http.get(self.url(&path))).await?;
            jobs.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() || jobs.len() >= limit {
                return Ok(jobs);
            }
        }
    }
}
