//! The settings of a job, as the description of the API lists them.

use maud::{Markup, html};
use serde_json::Value;

/// The body that the settings belong to.
const BODY: &str = "CreateJob";

/// The settings, in groups.
pub(super) struct Settings {
    pub(super) groups: Vec<Group>,
}

/// Settings of one part of the body.
pub(super) struct Group {
    pub(super) title: String,
    pub(super) settings: Vec<Setting>,
}

/// A setting.
pub(super) struct Setting {
    /// Its path in the body, for example `method.ridge`.
    pub(super) path: String,
    sentence: String,
    default: Option<String>,
    kind: Kind,
}

/// What a setting can be.
enum Kind {
    Choice(Vec<String>),
    Number {
        min: Option<String>,
        max: Option<String>,
        is_whole: bool,
    },
    Flag,
    List,
    /// Names with values.
    Pairs,
    Text,
}

impl Settings {
    /// Reads the settings of the document.
    pub(super) fn of(document: &Value) -> Self {
        let mut settings = Self { groups: Vec::new() };
        settings.add(
            document,
            &document["components"]["schemas"][BODY],
            "",
            "Job",
        );
        // The settings of the job itself matter least.
        settings.groups.sort_by_key(|group| group.title == "Job");
        settings
    }

    fn add(&mut self, document: &Value, schema: &Value, path: &str, title: &str) {
        let own = self.groups.len();
        self.groups.push(Group {
            title: title.to_owned(),
            settings: Vec::new(),
        });
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            let resolved = resolve(document, property);
            if resolved["properties"].is_object() {
                self.add(document, resolved, &path, &title_of(&path));
                continue;
            }
            let text = property["description"]
                .as_str()
                .or(resolved["description"].as_str());
            let text = text.unwrap_or_default();
            self.groups[own].settings.push(Setting {
                path,
                sentence: first_sentence(text),
                default: default_of(text),
                kind: Kind::of(resolved),
            });
        }
    }

    /// All settings.
    pub(super) fn all(&self) -> impl Iterator<Item = &Setting> {
        self.groups.iter().flat_map(|group| &group.settings)
    }

    /// The setting with a path.
    pub(super) fn find(&self, path: &str) -> Option<&Setting> {
        self.all().find(|setting| setting.path == path)
    }
}

/// Follows a reference, also of a property that may be null.
fn resolve<'a>(document: &'a Value, property: &'a Value) -> &'a Value {
    let alternatives = property["oneOf"].as_array().into_iter().flatten();
    let mut candidates = alternatives.chain([property]);
    let reference = candidates.find_map(|candidate| candidate["$ref"].as_str());
    let found = reference.and_then(|reference| document.pointer(reference.trim_start_matches('#')));
    found.unwrap_or(property)
}

/// `calibration.mapping` becomes `Calibration mapping`.
fn title_of(path: &str) -> String {
    let words = path.replace(['.', '_'], " ");
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn first_sentence(text: &str) -> String {
    let end = [". ", ".\n", ":\n"]
        .iter()
        .filter_map(|end| text.find(end))
        .min();
    end.map_or(text, |end| &text[..end])
        .trim_end_matches('.')
        .to_owned()
}

fn default_of(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("Default: `")?;
    rest.split_once('`').map(|(value, _)| value.to_owned())
}

impl Kind {
    fn of(schema: &Value) -> Self {
        if let Some(choices) = schema["enum"].as_array() {
            let words = choices.iter().filter_map(Value::as_str).map(str::to_owned);
            return Self::Choice(words.collect());
        }
        let kind = &schema["type"];
        let is = |name: &str| {
            kind == name
                || kind
                    .as_array()
                    .is_some_and(|kinds| kinds.iter().any(|kind| kind == name))
        };
        let bound = |name: &str| {
            schema
                .get(name)
                .map(|bound| bound.to_string().trim_matches('"').to_owned())
        };
        match () {
            () if is("integer") || is("number") => Self::Number {
                min: bound("minimum"),
                max: bound("maximum"),
                is_whole: is("integer"),
            },
            () if is("boolean") => Self::Flag,
            () if is("array") => Self::List,
            () if is("object") => Self::Pairs,
            () => Self::Text,
        }
    }
}

impl Setting {
    /// The choices, if it has some.
    pub(super) fn choices(&self) -> &[String] {
        match &self.kind {
            Kind::Choice(choices) => choices,
            _ => &[],
        }
    }

    /// The value of a field as JSON. A value of another kind stays a text, which the API rejects.
    pub(super) fn value(&self, text: &str) -> Value {
        let words = || {
            text.split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty())
        };
        match &self.kind {
            Kind::Number { .. } | Kind::Flag => {
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            }
            Kind::List => words().collect(),
            Kind::Pairs => {
                let pairs = words().map(|word| word.split_once(':').unwrap_or((word, "")));
                Value::Object(
                    pairs
                        .map(|(name, value)| (name.trim().to_owned(), value.trim().into()))
                        .collect(),
                )
            }
            Kind::Choice(_) | Kind::Text => text.into(),
        }
    }

    /// Whether a text is the default. Numbers can be written in several ways.
    pub(super) fn is_default(&self, text: &str) -> bool {
        let number = |text: &str| text.parse::<f64>().ok();
        let default = self.default.as_deref();
        default.is_some_and(|default| {
            default == text || (number(text).is_some() && number(text) == number(default))
        })
    }

    /// The text of a field for a value.
    pub(super) fn text(value: &Value) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Array(items) => Some(
                items
                    .iter()
                    .filter_map(Self::text)
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            Value::Object(fields) => {
                let pairs = fields.iter().map(|(name, value)| {
                    format!("{name}:{}", Self::text(value).unwrap_or_default())
                });
                Some(pairs.collect::<Vec<_>>().join(", "))
            }
            other => Some(other.to_string()),
        }
    }

    /// The field of the form.
    pub(super) fn field(&self, value: Option<&str>, wrong: Option<&str>) -> Markup {
        let (path, invalid) = (&self.path, wrong.map(|_| "true"));
        let name = path.rsplit('.').next().unwrap_or(path).replace('_', " ");
        let hint = format!("{path}-hint");
        let default = self.default.as_deref();
        html! {
            div.field {
                label for=(path) { (name) }
                @match &self.kind {
                    Kind::Choice(choices) => select id=(path) name=(path) aria-describedby=(hint) {
                        option value="" { @if let Some(default) = default { "default: " (default) } @else { "default" } }
                        @for choice in choices { option value=(choice) selected[value == Some(choice)] { (choice) } }
                    },
                    Kind::Flag => select id=(path) name=(path) aria-describedby=(hint) {
                        option value="" { "default: " (default.unwrap_or("false")) }
                        @for choice in ["true", "false"] { option value=(choice) selected[value == Some(choice)] { (choice) } }
                    },
                    Kind::Number { min, max, is_whole } => input id=(path) name=(path) type="number" min=[min.as_ref()] max=[max.as_ref()] step=(if *is_whole { "1" } else { "any" }) value=[value] placeholder=[default] aria-invalid=[invalid] aria-describedby=(hint);,
                    Kind::List => input id=(path) name=(path) value=[value] placeholder="several, with commas" aria-invalid=[invalid] aria-describedby=(hint);,
                    Kind::Pairs => input id=(path) name=(path) value=[value] placeholder="team:search, run:7" aria-invalid=[invalid] aria-describedby=(hint);,
                    Kind::Text => input id=(path) name=(path) value=[value] placeholder=[default] aria-invalid=[invalid] aria-describedby=(hint);,
                }
                p.hint id=(hint) { @match wrong { Some(wrong) => span.wrong { (wrong) }, None => (code_words(&self.sentence)) } }
            }
        }
    }
}

/// Renders the words in backticks as code.
fn code_words(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
