//! The same job as commands.

use maud::{Markup, html};
use serde_json::Value;

use super::main_fields::{CALIBRATION, EVALUATION, METRIC, MODEL, TARGET};
use super::settings::{Setting, Settings};
use crate::dashboard::view::copy::block;

pub(super) fn commands(request: &Value, settings: &Settings) -> Markup {
    let body = serde_json::to_string_pretty(request).unwrap_or_default();
    let (cli, is_whole) = command_line(request, settings);
    html! {
        section.commands {
            h2 { "The same as a command" }
            details { summary { "curl" } (block("curl", &curl(&body))) }
            details { summary { "Python" } (block("python", &python(&body))) }
            details {
                summary { "Command line" }
                (block("cli", &cli))
                @if !is_whole { p.faint { "Further settings are flags of " code { "optin submit" } " or exist only in the API." } }
            }
        }
    }
}

fn curl(body: &str) -> String {
    format!(
        "curl \"$OPTIN_URL/v1/jobs\" \\\n  -H \"Authorization: Bearer $OPTIN_API_KEY\" \\\n  -H 'Content-Type: application/json' \\\n  -d {}",
        quoted(body)
    )
}

fn python(body: &str) -> String {
    // The text of the request is valid in Python as a string, whatever it contains.
    let text = serde_json::to_string(body).unwrap_or_default();
    let text = text.replace("\\n", "\"\n    \"");
    format!(
        "import os, urllib.request\n\nrequest = (\n    {text}\n)\nheaders = {{\n    \"Authorization\": f\"Bearer {{os.environ['OPTIN_API_KEY']}}\",\n    \"Content-Type\": \"application/json\",\n}}\nurl = os.environ[\"OPTIN_URL\"] + \"/v1/jobs\"\njob = urllib.request.urlopen(urllib.request.Request(url, request.encode(), headers))\nprint(job.read().decode())"
    )
}

/// The command, and whether it has all settings.
fn command_line(request: &Value, settings: &Settings) -> (String, bool) {
    let mut command = "optin submit --server \"$OPTIN_URL\"".to_owned();
    let mut is_whole = true;
    let flags = [
        (MODEL, "--model"),
        (CALIBRATION, "--calibration"),
        (EVALUATION, "--evaluation"),
        (TARGET, "--target"),
        (METRIC, "--metric"),
    ];
    for setting in settings.all() {
        let pointer = format!("/{}", setting.path.replace('.', "/"));
        let Some(text) = request.pointer(&pointer).and_then(Setting::text) else {
            continue;
        };
        match flags.iter().find(|(path, _)| *path == setting.path) {
            Some((_, flag)) => command.push_str(&format!(" \\\n  {flag} {}", quoted(&text))),
            None => is_whole = false,
        }
    }
    (command, is_whole)
}

/// Quotes a text for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_quoted_text_as_one_word() {
        assert_eq!(quoted("file:///a b"), "'file:///a b'");
        assert_eq!(quoted("it's $(x)"), r"'it'\''s $(x)'");
    }
}
