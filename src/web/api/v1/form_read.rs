//! `GET /api/v1/units` and `…/{unit}/form`: what a form for a unit needs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use serde::Serialize;
use serde_json::json;
use strum::VariantArray as _;

use super::id;
use crate::domain::form::{FormLimits, ImageSourceKind};
use crate::domain::{PackId, UnitId};
use crate::policy::{Pack, PolicySet, StatementView};
use crate::web::auth;
use crate::web::problem::{Answer, Problem};
use crate::web::state::Web;

/// The pack that is always in force.
const CORE: &str = "core";

#[derive(Debug, Serialize)]
struct PackVersion {
    id: PackId,
    /// SHA-256 of its content, hexadecimal.
    version: String,
}

#[derive(Debug, Serialize)]
struct Limits {
    #[serde(flatten)]
    form: FormLimits,
    forms_per_second: u32,
}

/// Units, by id and name.
pub(in crate::web) async fn units(State(web): State<Arc<Web>>, headers: HeaderMap) -> Answer {
    auth::agency(&web, &headers).await?;
    let registry = web.ctx().registry().await?;
    let units: Vec<_> =
        registry.units.iter().map(|unit| json!({ "unit": unit.id, "name": unit.name })).collect();
    Ok(Json(units).into_response())
}

/// What the asking agency's forms to this unit must say.
pub(in crate::web) async fn form(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    Path(path): Path<String>,
) -> Answer {
    let agency = auth::agency(&web, &headers).await?;
    let unit: UnitId = id(&path)?;
    let registry = web.ctx().registry().await?;
    let unit = registry.unit(&unit).ok_or_else(Problem::not_found)?;
    let core: PackId = id(CORE)?;
    let packs = together(&[&[core], unit.packs.as_slice(), agency.packs.as_slice()]);
    let policies = web.ctx().policies().await?;
    let repositories: Vec<&str> = unit.repositories.iter().map(|r| r.id.as_str()).collect();
    let limits =
        Limits { form: web.ctx().rules.form, forms_per_second: web.app.limits.forms_per_second };
    Ok(Json(json!({
        "unit": unit.id,
        "name": unit.name,
        "packs": versions(&policies, &packs),
        "repositories": repositories,
        "source_kinds": ImageSourceKind::VARIANTS,
        "limits": limits,
        "statements": to_affirm(&policies, &packs),
        "grounds": policies.grounds(&packs),
    }))
    .into_response())
}

/// Pure: the packs of all sides, each once.
fn together(sides: &[&[PackId]]) -> Vec<PackId> {
    let mut packs = sides.concat();
    packs.sort();
    packs.dedup();
    packs
}

fn versions(policies: &PolicySet, packs: &[PackId]) -> Vec<PackVersion> {
    let known = packs.iter().filter_map(|pack| policies.pack(pack));
    known
        .map(Pack::in_force)
        .map(|pack| PackVersion { id: pack.pack.clone(), version: pack.sha256.clone() })
        .collect()
}

fn to_affirm(policies: &PolicySet, packs: &[PackId]) -> Vec<StatementView> {
    policies.statements(packs).into_iter().filter(|statement| statement.affirm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_of_all_sides_count_once() {
        let pack = |name: &str| name.parse::<PackId>().unwrap();
        let (core, unit, own) = (pack(CORE), pack("lacris"), pack("oxnard"));
        let sides = [
            std::slice::from_ref(&core),
            std::slice::from_ref(&unit),
            &[own.clone(), unit.clone()],
        ];
        assert_eq!(together(&sides), [core, unit, own]);
    }
}
