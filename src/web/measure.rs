//! Gauges: what the store and the connections are like when somebody asks.

use chrono::TimeDelta;
use metrics::gauge;
use strum::VariantArray as _;

use super::state::Web;
use crate::lifecycle::StageCode;
use crate::messages::Step;
use crate::paging::PageState;
use crate::policy::SetOrigin;
use crate::store::{MailingStatus, Measures, StoreError};
use crate::telemetry::name;

/// Sets every gauge anew. What is gone counts as zero, so that an old number does not stay.
pub(super) async fn all(web: &Web) -> Result<(), StoreError> {
    let ctx = web.ctx();
    let now = ctx.now();
    let measures = ctx.store.measures(now).await?;
    gauge!(name::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    gauge!(name::AUDIT_ENTRIES).set(float(measures.audit_entries));
    gauge!(name::OUTBOX).set(float(measures.outbox));
    gauge!(name::HOLDS_OVERDUE).set(float(measures.late_holds));
    let version = match ctx.policies.last_read().set().origin {
        SetOrigin::Activated(version) => version,
        SetOrigin::BuiltIn | SetOrigin::Directory => 0,
    };
    gauge!(name::POLICY_SET).set(float(version));
    let refused = ctx.policies.refused().is_some();
    gauge!(name::POLICY_SET_REFUSED).set(if refused { 1.0 } else { 0.0 });
    let pages = ctx.store.page_counts().await?;
    for state in [PageState::Open, PageState::Acknowledged] {
        let found = pages.iter().find(|(of, _)| *of == state).map_or(0, |(_, number)| *number);
        let state: &'static str = state.into();
        gauge!(name::PAGES_OPEN, "state" => state).set(float(found));
    }
    if let Some(health) = &web.app.broker_health {
        gauge!(name::BROKER_CONNECTED).set(if *health.borrow() { 1.0 } else { 0.0 });
    }
    let units: Vec<String> = match ctx.registry().await {
        Ok(registry) => registry.units.iter().map(|unit| unit.id.to_string()).collect(),
        Err(_) => Vec::new(),
    };
    requests(&measures, units);
    for step in Step::VARIANTS {
        let waiting = measures.waiting.iter().find(|(queue, ..)| queue == step.as_str());
        let age = waiting.map_or(TimeDelta::zero(), |(_, _, due)| now - *due).num_seconds().max(0);
        gauge!(name::DELIVERIES_WAITING, "step" => step.as_str())
            .set(float(waiting.map_or(0, |(_, number, _)| *number)));
        gauge!(name::DELIVERIES_OLDEST, "step" => step.as_str()).set(float(age));
        gauge!(name::DEAD_LETTERS, "step" => step.as_str())
            .set(float(number(&measures.dead, step.as_str())));
    }
    for status in MailingStatus::VARIANTS {
        let status: &'static str = status.into();
        gauge!(name::MAILINGS, "status" => status).set(float(number(&measures.mailings, status)));
    }
    Ok(())
}

fn requests(measures: &Measures, mut units: Vec<String>) {
    units.extend(measures.requests.iter().map(|(unit, ..)| unit.clone()));
    units.sort_unstable();
    units.dedup();
    for unit in units {
        for stage in StageCode::VARIANTS {
            let found = measures
                .requests
                .iter()
                .find(|(of, code, _)| *of == unit && code == stage.as_str())
                .map_or(0, |(_, _, number)| *number);
            gauge!(name::REQUESTS, "unit" => unit.clone(), "state" => stage.as_str())
                .set(float(found));
            if *stage == StageCode::Held {
                gauge!(name::HOLDS_OPEN, "unit" => unit.clone()).set(float(found));
            }
        }
    }
}

fn number(counts: &[(String, i64)], of: &str) -> i64 {
    counts.iter().find(|(name, _)| name == of).map_or(0, |(_, number)| *number)
}

/// Counts stay far below 2^53; what does not fit is shown as the greatest that does.
fn float(number: i64) -> f64 {
    f64::from(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}
