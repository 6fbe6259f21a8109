//! Multi-row statements: one of them is worth ten single ones.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe};

use super::StoreError;

/// Bind variables that both databases take in one statement.
const MOST_VARIABLES: usize = 30_000;

/// A value of one of the types that both databases share.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    MaybeText(Option<String>),
    Int(i64),
    MaybeInt(Option<i64>),
    Bytes(Vec<u8>),
    MaybeBytes(Option<Vec<u8>>),
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::MaybeText(value)
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::MaybeInt(value)
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}
impl From<Option<Vec<u8>>> for Value {
    fn from(value: Option<Vec<u8>>) -> Self {
        Self::MaybeBytes(value)
    }
}
impl From<[u8; 32]> for Value {
    fn from(value: [u8; 32]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

fn bind(
    query: Query<'static, Any, AnyArguments>,
    value: Value,
) -> Query<'static, Any, AnyArguments> {
    match value {
        Value::Text(value) => query.bind(value),
        Value::MaybeText(value) => query.bind(value),
        Value::Int(value) => query.bind(value),
        Value::MaybeInt(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
        Value::MaybeBytes(value) => query.bind(value),
    }
}

/// `{head} VALUES ($1, $2), ($3, $4) …` for rows of one width. `head` is a literal of this module's callers.
pub(super) async fn insert_rows(
    connection: &mut AnyConnection,
    head: &'static str,
    rows: Vec<Vec<Value>>,
) -> Result<(), StoreError> {
    for (sql, values) in statements((head, ""), rows) {
        query(sql, values).execute(&mut *connection).await?;
    }
    Ok(())
}

/// `{head} VALUES ($1, $2), ($3, $4) … {tail}` for rows of one width, and what it returns.
pub(super) async fn fetch_rows(
    connection: &mut AnyConnection,
    around: (&'static str, &'static str),
    rows: Vec<Vec<Value>>,
) -> Result<Vec<AnyRow>, StoreError> {
    let mut found = Vec::new();
    for (sql, values) in statements(around, rows) {
        found.extend(query(sql, values).fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

/// As few statements as the databases' limits allow.
fn statements(
    (head, tail): (&'static str, &'static str),
    rows: Vec<Vec<Value>>,
) -> impl Iterator<Item = (String, Vec<Value>)> {
    let width = rows.first().map_or(1, Vec::len).max(1);
    let mut rows = rows.into_iter().peekable();
    std::iter::from_fn(move || {
        rows.peek()?;
        let chunk: Vec<Vec<Value>> = rows.by_ref().take(MOST_VARIABLES / width).collect();
        let mut sql = format!("{head} VALUES ");
        for row in 0..chunk.len() {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            push_places(&mut sql, row * width, width);
            sql.push(')');
        }
        sql.push_str(tail);
        Some((sql, chunk.into_iter().flatten().collect()))
    })
}

/// `{head} ($n, $n+1, …)` with one list of texts; `before` is bound first.
pub(super) async fn execute_in(
    connection: &mut AnyConnection,
    head: &'static str,
    before: Vec<Value>,
    list: &[String],
) -> Result<u64, StoreError> {
    let mut affected = 0;
    for chunk in list.chunks(MOST_VARIABLES) {
        let sql = listed(head, before.len(), chunk.len());
        let list = chunk.iter().map(|text| Value::Text(text.clone()));
        let values = before.iter().cloned().chain(list).collect();
        affected += query(sql, values).execute(&mut *connection).await?.rows_affected();
    }
    Ok(affected)
}

/// `{head} ($1, $2, …) {tail}`, and what it returns.
pub(super) async fn fetch_in(
    connection: &mut AnyConnection,
    (head, tail): (&'static str, &'static str),
    list: &[String],
) -> Result<Vec<AnyRow>, StoreError> {
    let mut found = Vec::new();
    for chunk in list.chunks(MOST_VARIABLES) {
        let sql = format!("{} {tail}", listed(head, 0, chunk.len()));
        let values = chunk.iter().map(|text| Value::Text(text.clone())).collect();
        found.extend(query(sql, values).fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

fn listed(head: &str, before: usize, count: usize) -> String {
    let mut sql = format!("{head} (");
    push_places(&mut sql, before, count);
    sql.push(')');
    sql
}

/// Texts of many lengths would push the constant ones out of the connection's cache of prepared statements.
fn query(sql: String, values: Vec<Value>) -> Query<'static, Any, AnyArguments> {
    let one = values.len() < 20;
    values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)).persistent(one), bind)
}

/// `$first+1, …, $first+count`.
pub(super) fn push_places(sql: &mut String, first: usize, count: usize) {
    use std::fmt::Write as _;
    for place in first + 1..=first + count {
        let separator = if place == first + 1 { "" } else { ", " };
        let _ = write!(sql, "{separator}${place}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn places_are_numbered_from_the_first() {
        let mut sql = String::new();
        super::push_places(&mut sql, 2, 3);
        assert_eq!(sql, "$3, $4, $5");
    }
}
