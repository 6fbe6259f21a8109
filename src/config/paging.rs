//! Where pages go: the destinations' file, and what stands for them in `[mail]` and `[server]`.

use super::Config;
use super::process::read_secret;
use crate::paging::PagingSettings;
use crate::paging::settings::destinations;

/// Reads the settings of paging, with every file that they name.
pub fn paging(config: &Config) -> Result<PagingSettings, String> {
    let section = &config.paging;
    let from = if section.from.is_empty() { &config.mail.from } else { &section.from };
    let from = (!from.is_empty()).then(|| from.clone());
    let whose = (config.server.public_origin.as_str(), from, config.mail.domain.as_str());
    let read = |path: &str| {
        std::fs::read_to_string(path)
            .map_err(|error| format!("names `{path}`, which cannot be read: {}", error.kind()))
    };
    let text =
        if section.destinations.is_empty() { String::new() } else { read(&section.destinations)? };
    let found = destinations(&text, &|path| read_secret(path), &read)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    Ok(PagingSettings::new(whose, found))
}
