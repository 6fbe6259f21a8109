//! Files in, a [`PolicySet`] out, or every reason why not.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::Schema;
use chrono::{DateTime, Utc};
use miette::Diagnostic;
use openssl::sha::{Sha256, sha256};
use serde::de::DeserializeOwned;

use super::archive::Archive;
use super::decision::PackInForce;
use super::engine::PolicySet;
use super::error::{PackError, PackProblem};
use super::gate::Gate;
use super::identification::{self, IdentificationWords};
use super::manifest::{ClauseTable, Manifest};
use super::pack::{Clause, GateRules, Pack, RULES, Stated, Statement};
use super::words::{self, Lexicon};
use super::{characters, check};
use crate::domain::PackId;

/// The file of the schema.
pub(super) const SCHEMA: &str = "schema.cedarschema";
/// The pack that is always in force.
pub(super) const CORE: &str = "core";

/// Files by their path relative to the directory of packs, with `/`.
type Files = BTreeMap<String, Vec<u8>>;

impl PolicySet {
    /// Reads every pack in `files`: `schema.cedarschema`, `words.toml`, `identification_words.toml`, and for each pack
    /// `<pack>/pack.toml`, `clauses.toml`, `rules.cedar` and `statements/*.txt`. Refuses all if one is not sound.
    pub fn load(files: &Files, now: DateTime<Utc>) -> Result<Self, Vec<PackError>> {
        let mut errors = Errors::default();
        let archive = Archive::new(files);
        for (path, bytes) in files {
            if let Ok(text) = std::str::from_utf8(bytes) {
                characters::hidden(path, text, &mut errors);
            }
        }
        let schema = read_schema(files, &mut errors);
        let words = read_words(files, &mut errors);
        let identification = read_identification(files, &mut errors);
        let mut packs = BTreeMap::new();
        let permit = files.get("core/rules.cedar").and_then(|b| check::permit(b));
        if !files.contains_key("core/pack.toml") {
            errors.add("core/pack.toml", PackProblem::NoCore);
        }
        let mut rule_ids = BTreeSet::new();
        if let Some(schema) = &schema {
            for name in pack_names(files, &mut errors) {
                let reader = Reader { files, name: &name, schema, permit: permit.as_ref(), now };
                if let Some(pack) = reader.read(&mut rule_ids, &mut errors) {
                    packs.insert(pack.in_force.pack.clone(), pack);
                }
            }
        }
        let archive = archive.map_err(|e| errors.add("(the whole set)", PackProblem::Archive(e)));
        match (schema, words.zip(identification), archive) {
            (Some(schema), Some(lists), Ok(archive)) if errors.list.is_empty() => {
                let sha256 = hex::encode(archive.digest());
                Self::new(schema, packs, (lists, sha256)).map_err(|problem| {
                    vec![PackError { file: SCHEMA.to_owned(), line: None, rule: None, problem }]
                })
            }
            _ => {
                errors.list.sort();
                errors.list.dedup();
                Err(errors.list)
            }
        }
    }
}

/// The errors so far.
#[derive(Debug, Default)]
pub(super) struct Errors {
    list: Vec<PackError>,
}

impl Errors {
    /// An error of a file as a whole.
    pub(super) fn add(&mut self, file: &str, problem: PackProblem) {
        self.at(file, None, problem);
    }

    /// An error at a line, where it is known.
    pub(super) fn at(&mut self, file: &str, line: Option<usize>, problem: PackProblem) {
        self.list.push(PackError { file: file.to_owned(), line, rule: None, problem });
    }

    /// An error of a rule, at the line where `text` gives it its id.
    pub(super) fn rule(&mut self, file: &str, text: &str, rule: &str, problem: PackProblem) {
        self.list.push(PackError {
            file: file.to_owned(),
            line: line_with(text, &format!("@id(\"{rule}\")")),
            rule: Some(characters::shown(rule)),
            problem,
        });
    }
}

/// The first line that holds `part`, counted from 1.
pub(super) fn line_with(text: &str, part: &str) -> Option<usize> {
    text.lines().position(|l| l.contains(part)).map(|n| n + 1)
}

/// The line of a byte, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
}

/// The line that Cedar's parser points to.
pub(super) fn labelled_line(text: &str, error: &dyn Diagnostic) -> Option<usize> {
    let label = error.labels()?.next()?;
    Some(line_of(text, label.offset()))
}

/// SHA-256, hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(sha256(bytes))
}

fn read_words(files: &Files, errors: &mut Errors) -> Option<Lexicon> {
    let words = Lexicon::parse(text_of(files, words::FILE, errors)?);
    words.map_err(|e| errors.add(words::FILE, PackProblem::Unreadable(e.to_string()))).ok()
}

fn read_identification(files: &Files, errors: &mut Errors) -> Option<IdentificationWords> {
    let words = IdentificationWords::parse(text_of(files, identification::FILE, errors)?);
    let problem = |e: words::WordsError| PackProblem::Unreadable(e.to_string());
    words.map_err(|e| errors.add(identification::FILE, problem(e))).ok()
}

fn read_schema(files: &Files, errors: &mut Errors) -> Option<Schema> {
    let text = text_of(files, SCHEMA, errors)?;
    match Schema::from_cedarschema_str(text) {
        Ok((schema, warnings)) => {
            for warning in warnings {
                errors.add(SCHEMA, PackProblem::Schema(warning.to_string()));
            }
            Some(schema)
        }
        Err(e) => {
            let problem = PackProblem::Unreadable(e.to_string());
            errors.at(SCHEMA, labelled_line(text, &e), problem);
            None
        }
    }
}

fn text_of<'a>(files: &'a Files, path: &str, errors: &mut Errors) -> Option<&'a str> {
    let Some(bytes) = files.get(path) else {
        errors.add(path, PackProblem::FileMissing);
        return None;
    };
    let text = std::str::from_utf8(bytes);
    if text.is_err() {
        errors.add(path, PackProblem::NotText);
    }
    text.ok()
}

/// The directories; a file beside them that is not the schema is refused.
fn pack_names(files: &Files, errors: &mut Errors) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let beside = [SCHEMA, words::FILE, identification::FILE];
    for path in files.keys().filter(|p| !beside.contains(&p.as_str())) {
        match path.split_once('/') {
            Some((name, _)) => drop(names.insert(name.to_owned())),
            None => errors.add(path, PackProblem::FileUnknown),
        }
    }
    names
}

/// A pack's parts, before they are checked against each other.
pub(super) struct Parts<'a> {
    pub(super) rules_text: &'a str,
    pub(super) clauses: &'a BTreeMap<String, Clause>,
    pub(super) gates: &'a BTreeMap<Gate, GateRules>,
    pub(super) statements: &'a BTreeMap<String, Statement>,
}

/// Reads one pack.
pub(super) struct Reader<'a> {
    files: &'a Files,
    pub(super) name: &'a str,
    pub(super) schema: &'a Schema,
    pub(super) permit: Option<&'a cedar_policy::Policy>,
    now: DateTime<Utc>,
}

impl Reader<'_> {
    pub(super) fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.name)
    }

    fn toml<T: DeserializeOwned>(&self, file: &str, errors: &mut Errors) -> Option<T> {
        let path = self.path(file);
        let text = text_of(self.files, &path, errors)?;
        match toml::from_str(text) {
            Ok(value) => Some(value),
            Err(e) => {
                let line = e.span().map(|span| line_of(text, span.start));
                errors.at(&path, line, PackProblem::Unreadable(e.message().to_owned()));
                None
            }
        }
    }

    fn read(&self, rule_ids: &mut BTreeSet<String>, errors: &mut Errors) -> Option<Pack> {
        self.known_files(errors);
        let manifest: Option<Manifest> = self.toml("pack.toml", errors);
        let table: Option<ClauseTable> = self.toml("clauses.toml", errors);
        let rules_path = self.path(RULES);
        let rules_text = text_of(self.files, &rules_path, errors);
        let (manifest, table, rules_text) = (manifest?, table?, rules_text?);

        let id = self.identity(&manifest, errors)?;
        let statements = self.statements(&manifest, errors);
        let path = self.path("clauses.toml");
        let text = text_of(self.files, &path, errors).unwrap_or_default();
        let clauses = check::clauses((&path, text), table, errors);
        let gates = check::rules(self, rules_text, rule_ids, errors);
        let parts = Parts { rules_text, clauses: &clauses, gates: &gates, statements: &statements };
        self.cross_check(&manifest, &parts, errors);
        Some(Pack {
            in_force: PackInForce { pack: id, sha256: self.content_digest() },
            title: manifest.title,
            issuer: manifest.issuer,
            number: manifest.number,
            effective: manifest.effective,
            review_due: manifest.review_due,
            source_sha256: manifest.source_sha256,
            missing: manifest.missing,
            waivers: manifest.waivers,
            clauses,
            statements,
            gates,
        })
    }

    /// Statements and rules cite clauses that exist, and every clause is answered.
    fn cross_check(&self, manifest: &Manifest, parts: &Parts<'_>, errors: &mut Errors) {
        let clauses = parts.clauses;
        let path = self.path("pack.toml");
        let text = text_of(self.files, &path, errors).unwrap_or_default();
        for clause in manifest.statements.values().flat_map(|s| &s.clauses) {
            if !clauses.contains_key(clause) {
                let problem = PackProblem::UnknownClause(clause.clone());
                errors.at(&path, line_with(text, &format!("\"{clause}\"")), problem);
            }
        }
        check::citations(&self.path(RULES), parts, errors);
        let path = self.path("clauses.toml");
        let text = text_of(self.files, &path, errors).unwrap_or_default();
        check::answers((&path, text), parts, errors);
    }

    fn known_files(&self, errors: &mut Errors) {
        let top = ["pack.toml", "clauses.toml", RULES];
        for path in self.own_files().map(|(path, _)| path) {
            let file = path.split_once('/').map_or("", |(_, file)| file);
            let statement = file
                .strip_prefix("statements/")
                .is_some_and(|f| f.strip_suffix(".txt").is_some_and(|n| !n.contains('/')));
            if !top.contains(&file) && !statement {
                errors.add(path, PackProblem::FileUnknown);
            }
        }
    }

    fn own_files(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        let prefix = format!("{}/", self.name);
        self.files.iter().filter(move |(path, _)| path.starts_with(&prefix))
    }

    /// SHA-256 over names, lengths and bytes of all files, in the order of their names.
    fn content_digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, bytes) in self.own_files() {
            hash.update(format!("{path}\0{}\0", bytes.len()).as_bytes());
            hash.update(bytes);
        }
        hex::encode(hash.finish())
    }

    fn identity(&self, manifest: &Manifest, errors: &mut Errors) -> Option<PackId> {
        let path = self.path("pack.toml");
        let text = text_of(self.files, &path, errors).unwrap_or_default();
        check::placeholders(&path, text, errors);
        if manifest.extends.is_some() {
            errors.at(&path, line_with(text, "extends"), PackProblem::Import);
        }
        let today = self.now.date_naive();
        if let Some(date) = manifest.effective.filter(|date| *date > today) {
            let line = line_with(text, "effective =");
            errors.at(&path, line, PackProblem::NotYetEffective(date.to_string()));
        }
        let review = (Stated::ReviewDue, manifest.review_due.is_some());
        for (date, stated) in [(Stated::Effective, manifest.effective.is_some()), review] {
            let contradictory = stated == manifest.missing.contains(&date);
            if contradictory && (stated || date == Stated::Effective) {
                errors.add(&path, PackProblem::Missing(date.into()));
            }
        }
        let hashes = manifest
            .statements
            .values()
            .flat_map(|s| std::iter::once(&s.sha256).chain(s.published_sha256.as_ref()));
        for hash in manifest.source_sha256.iter().chain(hashes) {
            let fits =
                hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if !fits {
                errors.at(&path, line_with(text, hash), PackProblem::BadHash(hash.clone()));
            }
        }
        match manifest.id.parse::<PackId>() {
            Ok(id) if manifest.id == self.name => Some(id),
            Ok(_) | Err(_) => {
                errors.add(&path, PackProblem::IdMismatch(manifest.id.clone()));
                None
            }
        }
    }

    fn statements(&self, manifest: &Manifest, errors: &mut Errors) -> BTreeMap<String, Statement> {
        let mut statements = BTreeMap::new();
        let mut named = BTreeSet::new();
        for (name, entry) in &manifest.statements {
            let file = format!("statements/{name}.txt");
            let text = self.statement(&file, &entry.sha256, errors);
            let published = entry.published_sha256.as_ref().and_then(|sha256| {
                let file = format!("statements/{name}.published.txt");
                let text = self.statement(&file, sha256, errors);
                named.insert(self.path(&file));
                text
            });
            named.insert(self.path(&file));
            let Some(text) = text else { continue };
            check::placeholders(&self.path(&file), &text, errors);
            let statement = Statement {
                text_sha256: digest(text.as_bytes()),
                text,
                published,
                clauses: entry.clauses.clone(),
                affirm: entry.affirm,
                origin: entry.origin,
            };
            statements.insert(name.clone(), statement);
        }
        let prefix = self.path("statements/");
        for (path, _) in self.own_files().filter(|(path, _)| path.starts_with(&prefix)) {
            if !named.contains(path) {
                errors.add(path, PackProblem::FileUnknown);
            }
        }
        statements
    }

    /// A statement's text: the file without the line feed that ends it.
    fn statement(&self, file: &str, sha256: &str, errors: &mut Errors) -> Option<String> {
        let path = self.path(file);
        let text = text_of(self.files, &path, errors)?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let actual = digest(text.as_bytes());
        if actual != sha256 {
            let statement = file.to_owned();
            errors.add(&path, PackProblem::StatementHash { statement, actual });
        }
        Some(text.to_owned())
    }
}
