//! File, environment and secret files, one over the other. Pure, given what they contain.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::key::Kind;
use super::sections::Config;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: `{key}` {message}")]
pub struct ConfigError {
    /// File or environment.
    pub place: String,
    /// Key.
    pub key: String,
    /// What was expected, what to do.
    pub message: String,
}

/// A configuration, and where each value is from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Place of every key that is not a default.
    pub origins: BTreeMap<String, String>,
}

/// Loads a configuration: `file` is name and text, `environment` the variables, `read` reads a secret's file.
pub fn load(
    file: Option<(&str, &str)>,
    environment: &BTreeMap<String, String>,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Loaded, Vec<ConfigError>> {
    let mut layers = Layers {
        table: Table::new(),
        given: BTreeMap::new(),
        origins: BTreeMap::new(),
        errors: Vec::new(),
        read,
    };
    if let Some((name, text)) = file {
        layers.file(name, text);
    }
    layers.environment(environment);
    let Layers { table, origins, mut errors, .. } = layers;
    let config = match Config::deserialize_from(table) {
        Ok(config) => config,
        Err(error) => {
            errors.push(ConfigError {
                place: "configuration".to_owned(),
                key: String::new(),
                message: error,
            });
            return Err(errors);
        }
    };
    for (key, expected) in config.contradictions() {
        let place = origins.get(key).cloned().unwrap_or_else(|| "default".to_owned());
        errors.push(ConfigError {
            place,
            key: key.to_owned(),
            message: format!("must {expected}"),
        });
    }
    if errors.is_empty() { Ok(Loaded { config, origins }) } else { Err(errors) }
}

impl Config {
    fn deserialize_from(table: Table) -> Result<Self, String> {
        Value::Table(table).try_into().map_err(|error: toml::de::Error| error.message().to_owned())
    }
}

struct Layers<'r> {
    table: Table,
    /// How a setting was given: the key that was written, and its place.
    given: BTreeMap<String, (String, String)>,
    origins: BTreeMap<String, String>,
    errors: Vec<ConfigError>,
    read: &'r dyn Fn(&str) -> Result<String, String>,
}

impl Layers<'_> {
    fn error(&mut self, place: &str, key: &str, message: String) {
        self.errors.push(ConfigError { place: place.to_owned(), key: key.to_owned(), message });
    }

    fn file(&mut self, name: &str, text: &str) {
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let error: toml::de::Error = error;
                let line = error.span().map_or(0, |span| {
                    text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
                });
                return self.error(
                    &format!("{name}:{line}"),
                    "",
                    format!("is not TOML: {}", error.message()),
                );
            }
        };
        for (section, value) in table {
            if let Value::Table(keys) = value {
                for (key, value) in keys {
                    self.set(name, &format!("{section}.{key}"), value);
                }
            } else {
                self.set(name, &section, value);
            }
        }
    }

    fn environment(&mut self, environment: &BTreeMap<String, String>) {
        for (variable, text) in environment {
            let Some(path) = variable.strip_prefix("LEADBROKER__") else {
                continue;
            };
            let key = path.to_lowercase().replacen("__", ".", 1);
            let value = typed(&key, text);
            self.set(variable, &key, value);
        }
    }

    fn set(&mut self, place: &str, key: &str, value: Value) {
        if let Some(secret) = key.strip_suffix("_file")
            && is_secret(secret)
        {
            return self.set_from_file(place, key, secret, &value);
        }
        let Some(default) = default_of(key) else {
            let message = match nearest(key) {
                Some(known) => format!("is no setting; the nearest one is `{known}`"),
                None => "is no setting; `leadbroker config print` shows them all".to_owned(),
            };
            return self.error(place, key, message);
        };
        if !default.same_type(&value) {
            let message =
                format!("must be {}, such as `{default}`; it is {}", kind(&default), kind(&value));
            return self.error(place, key, message);
        }
        // Words of a closed list and numbers out of range are found here, where the place is known.
        if let Err(message) = alone(key, &value) {
            return self.error(place, key, format!("must be another value: {message}"));
        }
        self.given(place, key, key);
        self.insert(place, key, value);
    }

    fn set_from_file(&mut self, place: &str, key: &str, secret: &str, value: &Value) {
        self.given(place, key, secret);
        let Some(path) = value.as_str().filter(|path| !path.is_empty()) else {
            return self.error(place, key, "must be the path of a file".to_owned());
        };
        match (self.read)(path) {
            Ok(text) if text.trim().is_empty() => {
                self.error(place, key, format!("names `{path}`, which is empty"));
            }
            Ok(text) => self.insert(place, secret, Value::String(text.trim_end().to_owned())),
            Err(message) => self.error(place, key, message),
        }
    }

    /// A secret has one home: itself or its file, whichever layer says so.
    fn given(&mut self, place: &str, key: &str, setting: &str) {
        let before = self.given.insert(setting.to_owned(), (key.to_owned(), place.to_owned()));
        if let Some((other, at)) = before
            && other != key
        {
            self.error(place, key, format!("is given together with `{other}` ({at}); keep one"));
        }
    }

    fn insert(&mut self, place: &str, key: &str, value: Value) {
        self.origins.insert(key.to_owned(), place.to_owned());
        match key.split_once('.') {
            Some((section, key)) => {
                let entry = self.table.entry(section.to_owned());
                if let Value::Table(table) = entry.or_insert_with(|| Value::Table(Table::new())) {
                    table.insert(key.to_owned(), value);
                }
            }
            None => {
                self.table.insert(key.to_owned(), value);
            }
        }
    }
}

/// The environment has only text; the default's type says what it means.
fn typed(key: &str, text: &str) -> Value {
    let as_text = || Value::String(text.to_owned());
    let default = default_of(key);
    if default.as_ref().is_some_and(Value::is_integer) {
        return text.parse().map_or_else(|_| as_text(), Value::Integer);
    }
    if default.as_ref().is_some_and(Value::is_bool) {
        return text.parse().map_or_else(|_| as_text(), Value::Boolean);
    }
    as_text()
}

/// Whether a configuration with only this key would be read.
fn alone(key: &str, value: &Value) -> Result<(), String> {
    let mut table = Table::new();
    match key.split_once('.') {
        Some((section, key)) => {
            let inner = Table::from_iter([(key.to_owned(), value.clone())]);
            table.insert(section.to_owned(), Value::Table(inner));
        }
        None => {
            table.insert(key.to_owned(), value.clone());
        }
    }
    Config::deserialize_from(table).map(|_| ())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "`true` or `false`",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

/// The default value of a key, which is also its type.
pub(super) fn default_of(key: &str) -> Option<Value> {
    let all = Value::try_from(Config::default()).ok()?;
    match key.split_once('.') {
        Some((section, key)) => all.get(section)?.get(key).cloned(),
        None => all.get(key).filter(|value| !value.is_table()).cloned(),
    }
}

fn is_secret(key: &str) -> bool {
    Config::settings().any(|(known, setting)| known == key && setting.kind == Kind::Secret)
}

fn nearest(key: &str) -> Option<String> {
    let known = Config::settings().flat_map(|(known, setting)| {
        let file = (setting.kind == Kind::Secret).then(|| format!("{known}_file"));
        file.into_iter().chain(std::iter::once(known))
    });
    known
        .map(|known| (strsim::damerau_levenshtein(&known, key), known))
        .filter(|(distance, _)| *distance <= 5)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_load(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Vec<String>> {
        let environment =
            variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let read = |path: &str| match path {
            "/run/key" => Ok("abc\n".to_owned()),
            "/run/empty" => Ok(" \n".to_owned()),
            _ => Err("cannot be read".to_owned()),
        };
        load(Some(("lb.toml", text)), &environment, &read)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_environment_goes_over_the_file_and_secrets_come_from_files() {
        let text = "environment = \"test\"\n[limits]\nimages = 7\n[vault]\nmaster_key_file = \"/run/key\"\n";
        let loaded = try_load(text, &[("LEADBROKER__LIMITS__IMAGES", "9")]).unwrap();
        assert_eq!(loaded.config.limits.images, 9);
        assert_eq!(loaded.config.vault.master_key.expose(), "abc");
        assert_eq!(loaded.origins["limits.images"], "LEADBROKER__LIMITS__IMAGES");
        assert!(!format!("{:?}", loaded.config).contains("abc"));
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_place() {
        let text = "environment = \"test\"\n[limits]\nimagse = 7\nimages = \"many\"\n[server]\nlisten = \"0.0.0.0:80\"\n[mail]\nkey_file = \"/gone\"\n";
        let errors = try_load(text, &[]).unwrap_err();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        lb.toml: `limits.images` must be a whole number, such as `20`; it is a text
        lb.toml: `limits.imagse` is no setting; the nearest one is `limits.images`
        lb.toml: `mail.key_file` cannot be read
        lb.toml: `server.listen` must be a loopback address such as `127.0.0.1:8400`, unless `behind_tls_proxy = true`
        "#);
    }

    #[test]
    fn a_secret_has_one_home_and_its_file_holds_something() {
        let text = "environment = \"test\"\n[vault]\nmaster_key = \"abc\"\nmaster_key_file = \"/run/key\"\n[audit]\nsigning_key_file = \"/run/empty\"\n[mail]\nkey_flie = \"/run/key\"\npassword_file = 7\n";
        let variables = [
            ("LEADBROKER__DATABASE__URL", "sqlite:x"),
            ("LEADBROKER__DATABASE__URL_FILE", "/gone"),
        ];
        let errors = try_load(text, &variables).unwrap_err();
        insta::assert_snapshot!(errors.join("\n"), @r"
        lb.toml: `audit.signing_key_file` names `/run/empty`, which is empty
        lb.toml: `mail.key_flie` is no setting; the nearest one is `mail.key_file`
        lb.toml: `mail.password_file` must be the path of a file
        lb.toml: `vault.master_key_file` is given together with `vault.master_key` (lb.toml); keep one
        LEADBROKER__DATABASE__URL_FILE: `database.url_file` is given together with `database.url` (LEADBROKER__DATABASE__URL); keep one
        LEADBROKER__DATABASE__URL_FILE: `database.url_file` cannot be read
        ");
    }

    #[test]
    fn the_environment_may_name_another_file_than_the_file_does() {
        let text =
            "environment = \"test\"\n[limits]\nimages = 7\n[vault]\nmaster_key_file = \"/gone\"\n";
        let variables = [("LEADBROKER__VAULT__MASTER_KEY_FILE", "/run/key")];
        let errors = try_load(text, &variables).unwrap_err();
        assert_eq!(errors, ["lb.toml: `vault.master_key_file` cannot be read"]);
        let text = text.replace("/gone", "/run/key");
        assert_eq!(try_load(&text, &variables).unwrap().config.vault.master_key.expose(), "abc");
    }

    #[test]
    fn a_word_of_no_list_and_a_number_out_of_range_are_named_with_their_place() {
        let text = "environment = \"test\"\n[messaging]\ntransport = \"ampq\"\n[mail]\nport = 70000\n[server]\nlisten = \"x\"\n";
        let errors = try_load(text, &[]).unwrap_err();
        let keys = ["mail.port", "messaging.transport", "server.listen"];
        assert_eq!(errors.len(), keys.len(), "{errors:#?}");
        for (error, key) in errors.iter().zip(keys) {
            assert!(error.starts_with(&format!("lb.toml: `{key}` must be")), "{error}");
        }
    }

    #[test]
    fn production_refuses_what_could_reach_nobody_or_everybody() {
        let text =
            "[messaging]\ntransport = \"amqp\"\nurl = \"amqp://guest:guest@broker.example.gov/\"\n";
        let errors = try_load(text, &[]).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:#?}");
    }

    #[test]
    fn the_example_file_loads_and_names_every_setting() {
        let text = include_str!("../../config/leadbroker.example.toml");
        let read = |_: &str| Ok("secret".to_owned());
        let loaded = load(Some(("example", text)), &BTreeMap::new(), &read).unwrap();
        assert_eq!(loaded.config.environment, crate::config::Environment::Production);
        let table: Table = text.parse().unwrap();
        assert!(table.contains_key("environment"));
        for (section, keys) in Config::SECTIONS {
            let named = table[*section].as_table().unwrap();
            for key in *keys {
                let (key, file) = (key.name, format!("{}_file", key.name));
                assert!(named.contains_key(key) || named.contains_key(&file), "{section}.{key}");
            }
        }
    }
}
