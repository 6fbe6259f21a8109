//! The reference of all settings, `docs/CONFIGURATION.md`, written from the settings themselves.

use toml::{Table, Value};

use super::contradictions::RANGES;
use super::key::{Key, Kind};
use super::layer::default_of;
use super::sections::Config;

/// Every setting of it has an example; a test of [`super::layer`] says so.
const EXAMPLE: &str = include_str!("../../config/leadbroker.example.toml");

const HEAD: &str = "\
# Configuration

Written by `leadbroker config reference`; a test compares. Change the settings in `src/config/sections.rs`, then run
`leadbroker config reference > docs/CONFIGURATION.md`.

A TOML file (`--config FILE` or `LEADBROKER_CONFIG`), and over it the environment: `LEADBROKER__SECTION__KEY` sets
`key` of `[section]`. Everything that is wrong is told at once, with its place: `leadbroker config check`.
`leadbroker config print` shows every setting and where it is from. What is not set has its default.

A **secret** may stand in a file of its own, readable by leadbroker alone (mode 600): `key_file` is the path of that
file, `LEADBROKER__SECTION__KEY_FILE` too. A secret is given as itself or as its file, not both, and an empty file is
refused. Secrets are never shown.

[`leadbroker.example.toml`](../config/leadbroker.example.toml) is a whole file; the examples here are from it.
";

/// The reference as Markdown.
pub fn reference() -> String {
    let example: Table = EXAMPLE.parse().unwrap_or_default();
    let mut text = HEAD.to_owned();
    table(&mut text, None, &[Config::ENVIRONMENT], &example);
    for (section, keys) in Config::SECTIONS {
        let of = example.get(*section).and_then(Value::as_table).cloned().unwrap_or_default();
        table(&mut text, Some(section), keys, &of);
    }
    text
}

fn table(text: &mut String, section: Option<&str>, keys: &[Key], example: &Table) {
    let title = section.map_or_else(|| "At the top".to_owned(), |name| format!("`[{name}]`"));
    text.push_str("\n## ");
    text.push_str(&title);
    text.push_str("\n\n| key | type | default | variable | meaning | example |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for key in keys {
        let path = section.map_or_else(|| key.name.to_owned(), |of| format!("{of}.{}", key.name));
        let variable = format!("LEADBROKER__{}", path.to_uppercase().replacen('.', "__", 1));
        let file = format!("{}_file", key.name);
        let (name, variable) = if key.kind == Kind::Secret {
            let name = format!("`{}` or `{file}`", key.name);
            (name, format!("`{variable}` or `{variable}_FILE`"))
        } else {
            (format!("`{}`", key.name), format!("`{variable}`"))
        };
        let shown = [key.name, file.as_str()]
            .into_iter()
            .find_map(|name| example.get(name).map(|value| format!("`{name} = {value}`")));
        let cells = [
            name,
            kind(&path, key.kind),
            default(&path, key.kind),
            variable,
            key.meaning.to_owned(),
            shown.unwrap_or_default(),
        ];
        text.push_str("| ");
        text.push_str(&cells.join(" | "));
        text.push_str(" |\n");
    }
}

fn kind(path: &str, kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Secret => "text, secret".to_owned(),
        Kind::Switch => "`true` or `false`".to_owned(),
        Kind::Word(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
        }
        Kind::Number => {
            let range = RANGES.iter().find(|(key, _)| *key == path).map(|(_, range)| range);
            range.map_or_else(
                || "whole number".to_owned(),
                |range| format!("{} to {}", range.start(), range.end()),
            )
        }
    }
}

fn default(path: &str, kind: Kind) -> String {
    let value = match kind {
        // The only secret with a default is the embedded database's URL, which says nothing.
        Kind::Secret => (path == "database.url")
            .then(|| Config::default().database.url.expose().to_owned())
            .map(Value::String),
        Kind::Text | Kind::Switch | Kind::Word(_) | Kind::Number => default_of(path),
    };
    match value {
        Some(Value::String(text)) if text.is_empty() => "empty".to_owned(),
        None => "empty".to_owned(),
        Some(value) => format!("`{value}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_program_prints() {
        let kept = include_str!("../../docs/CONFIGURATION.md");
        assert!(kept == reference(), "run: leadbroker config reference > docs/CONFIGURATION.md");
    }

    /// The list of settings and the structures that are read cannot drift apart.
    #[test]
    fn the_settings_are_those_that_a_configuration_has() {
        let Value::Table(all) = Value::try_from(Config::default()).unwrap() else { panic!() };
        let mut serialised = Vec::new();
        for (section, value) in &all {
            if let Value::Table(keys) = value {
                serialised.extend(keys.keys().map(|key| format!("{section}.{key}")));
            } else {
                serialised.push(section.clone());
            }
        }
        let mut listed: Vec<String> = Config::settings().map(|(key, _)| key).collect();
        listed.sort_unstable();
        serialised.sort_unstable();
        assert_eq!(listed, serialised);
    }

    #[test]
    fn the_words_of_a_list_are_those_that_are_read() {
        for (path, key) in Config::settings() {
            let Kind::Word(words) = key.kind else { continue };
            let mut table = Table::new();
            if let Some((section, name)) = path.split_once('.') {
                let inner = Table::from_iter([(name.to_owned(), Value::from("-"))]);
                table.insert(section.to_owned(), Value::Table(inner));
            } else {
                table.insert(path.clone(), Value::from("-"));
            }
            let refused = table.try_into::<Config>().unwrap_err().to_string();
            for word in words {
                assert!(refused.contains(&format!("`{word}`")), "{path}: {refused}");
            }
            // `-` itself, and each word of the list once.
            let quoted = refused.lines().next().unwrap().matches('`').count();
            assert_eq!(quoted, 2 * (words.len() + 1), "{path}: {refused}");
        }
    }
}
