//! The filters of the job list, as they stand in the URL.

use axum::http::StatusCode;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use maud::{Markup, html};
use url::form_urlencoded::{Serializer, parse};

use crate::dashboard::refusal::Refusal;
use crate::dashboard::wire::counts::Counts;
use crate::job::State;

/// Number of jobs per page.
const LIMIT: &str = "50";

/// The filters. The API checks their values.
#[derive(Clone, Default)]
pub(crate) struct Filter {
    pub(crate) state: Vec<String>,
    pub(crate) model: Option<String>,
    pub(crate) label: Option<String>,
    /// The last day of creation, in UTC.
    pub(crate) until: Option<String>,
    pub(crate) cursor: Option<String>,
}

impl Filter {
    /// Reads the filters of a query.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let pairs = parse(query.unwrap_or_default().as_bytes()).into_owned();
        let pairs: Vec<(String, String)> = pairs.collect();
        Self::of(
            pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.trim())),
        )
    }

    /// Reads the filters among the fields of a form. Empty fields do not filter.
    pub(crate) fn of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, Refusal> {
        let mut filter = Self::default();
        for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
            let value = Some(value.to_owned());
            match name {
                "state" => filter.state.extend(value),
                "model" => filter.model = value,
                "label" => filter.label = value,
                "until" => filter.until = value,
                "cursor" => filter.cursor = value,
                _ => {}
            }
        }
        filter.bound()?;
        Ok(filter)
    }

    /// Whether nothing is filtered.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.is_empty()
            && self.model.is_none()
            && self.label.is_none()
            && self.until.is_none()
    }

    /// Whether the filter has exactly these states.
    pub(crate) fn has_states(&self, states: &[State]) -> bool {
        self.state.len() == states.len()
            && states
                .iter()
                .all(|state| self.state.iter().any(|own| own == state.as_str()))
    }

    /// The number of jobs that match, without the filter by time.
    pub(crate) fn matching(&self, counts: &Counts) -> u64 {
        let wanted = |state: State| {
            self.state.is_empty() || self.state.iter().any(|own| own == state.as_str())
        };
        let counts = counts.data.iter().filter(|count| wanted(count.state));
        counts.map(|count| count.count).sum()
    }

    /// The URL with other states.
    pub(crate) fn with_states(&self, states: &[State]) -> String {
        let other = Self {
            state: states
                .iter()
                .map(|state| state.as_str().to_owned())
                .collect(),
            cursor: None,
            ..self.clone()
        };
        other.url()
    }

    /// The URL of another page.
    pub(crate) fn page(&self, cursor: Option<&str>) -> String {
        let other = Self {
            cursor: cursor.map(str::to_owned),
            ..self.clone()
        };
        other.url()
    }

    /// The URL of the list.
    pub(crate) fn url(&self) -> String {
        let mut query = self.shared(true);
        for (name, value) in [("until", &self.until), ("cursor", &self.cursor)] {
            query.extend_pairs(value.iter().map(|value| (name, value)));
        }
        match query.finish() {
            query if query.is_empty() => "/".to_owned(),
            query => format!("/?{query}"),
        }
    }

    /// The path of the numbers of jobs, under the filters other than state and time.
    pub(crate) fn counts_path(&self) -> String {
        format!("/v1/jobs/counts?{}", self.shared(false).finish())
    }

    /// The path of the list in the API.
    pub(crate) fn list_path(&self) -> Result<String, Refusal> {
        let mut query = self.shared(true);
        query.append_pair("limit", LIMIT);
        if let Some(cursor) = self.cursor.clone().or(self.bound()?) {
            query.append_pair("cursor", &cursor);
        }
        Ok(format!("/v1/jobs?{}", query.finish()))
    }

    /// The filters as hidden fields of a form.
    pub(crate) fn hidden(&self) -> Markup {
        html! {
            @for state in &self.state { input type="hidden" name="state" value=(state); }
            @for (name, value) in [("model", &self.model), ("label", &self.label), ("until", &self.until)] {
                @if let Some(value) = value { input type="hidden" name=(name) value=(value); }
            }
        }
    }

    fn shared(&self, states: bool) -> Serializer<'static, String> {
        let mut query = Serializer::new(String::new());
        if states {
            query.extend_pairs(self.state.iter().map(|state| ("state", state)));
        }
        for (name, value) in [("model", &self.model), ("label", &self.label)] {
            query.extend_pairs(value.iter().map(|value| (name, value)));
        }
        query
    }

    /// The cursor after the last day: ids of jobs begin with their time of creation.
    fn bound(&self) -> Result<Option<String>, Refusal> {
        let Some(until) = &self.until else {
            return Ok(None);
        };
        let next = until.parse::<Date>().and_then(|day| day.tomorrow());
        let next = next.and_then(|day| Offset::UTC.to_timestamp(day.to_datetime(Time::midnight())));
        let ms = next.ok().map(|moment| moment.as_millisecond());
        let ms = ms.and_then(|ms| u64::try_from(ms).ok()).ok_or_else(|| {
            Refusal::here(
                StatusCode::BAD_REQUEST,
                "\"Created up to\" must be a date such as 2026-11-30",
            )
        })?;
        let digits = format!("{ms:012x}");
        Ok(Some(format!(
            "job_{}-{}-7000-8000-000000000000",
            &digits[..8],
            &digits[8..]
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn the_url_keeps_the_filters() {
        let url =
            "/?state=failed&state=expired&model=file%3A%2F%2F%2Fa+b&label=x%3A%26&until=2026-11-30";
        let parsed = Filter::parse(url.strip_prefix("/?"));
        let filter = parsed.unwrap_or_else(|_| panic!("the filter is valid"));
        assert_eq!(filter.url(), url);
        assert_eq!(filter.label.as_deref(), Some("x:&"));
        let path = filter
            .list_path()
            .unwrap_or_else(|_| panic!("the filter is valid"));
        assert!(
            path.contains("&cursor=job_01a22ee6-b000-7000-8000-000000000000")
                && !path.contains("until"),
            "{path}"
        );
        assert_eq!(
            Filter::parse(Some("model=+&state="))
                .map(|filter| filter.url())
                .ok(),
            Some("/".to_owned())
        );
        assert!(Filter::parse(Some("until=yesterday")).is_err());
        assert!(Filter::parse(Some("until=1900-01-01")).is_err());
    }
}
