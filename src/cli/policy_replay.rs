//! `leadbroker policy replay`: what a candidate would have decided differently.

use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, NaiveTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};

use super::args::ReplayArgs;
use super::config_command::loaded;
use super::{Output, exit};
use crate::app::{self, pack_files};
use crate::domain::{RequestId, Verdict};
use crate::pipeline::Context;
use crate::pipeline::replay::{Replay, replay};
use crate::policy::{Archive, PolicySet, SetOrigin};

/// Request ids that a table shows in a row; `--json` has all of them.
const SHOWN: usize = 3;

/// Runs the command.
pub(super) async fn run(
    args: &ReplayArgs,
    config: Option<&Path>,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let dir = &args.candidate;
    let archive = Archive::new(&pack_files(dir)?)
        .with_context(|| format!("read the packs in `{}`", dir.display()))?;
    let ctx = app::context(&loaded(config)?.config).await?;
    let replayed = match archive.load(SetOrigin::Directory, ctx.now()) {
        Ok(candidate) => Ok(replayed(&ctx, &candidate, args).await),
        Err(errors) => Err(errors),
    };
    ctx.store.close().await;
    match replayed {
        Ok(replayed) => told(&replayed?, output),
        Err(errors) => {
            for error in errors {
                output.error("policy", &error.to_string());
            }
            return Ok(exit::DATA);
        }
    }
    Ok(exit::OK)
}

async fn replayed(
    ctx: &Context,
    candidate: &PolicySet,
    args: &ReplayArgs,
) -> anyhow::Result<Replay> {
    let day = args.since.map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let since = day.unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
    // On standard error, and only where somebody sees it.
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{pos} of {len} requests {wide_bar}");
    bar.set_style(style.context("draw the progress")?);
    let replay = replay(ctx, candidate, since, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })
    .await;
    bar.finish_and_clear();
    Ok(replay?)
}

fn told(replay: &Replay, output: &mut Output) {
    if output.is_json() {
        return output.value(replay);
    }
    output.line(&format!("in force   {}", replay.in_force));
    output.line(&format!("candidate  {}", replay.candidate));
    output.line(&format!(
        "{} requests decided again with the facts of the time they came; {} would have been decided differently",
        replay.decided, replay.changed
    ));
    if replay.destroyed > 0 {
        output.line(&format!("{} requests are destroyed and were left out", replay.destroyed));
    }
    if replay.with_newest_registry > 0 {
        let count = replay.with_newest_registry;
        output.line(&format!("{count} requests were decided with the newest registry, because none of their time is stored"));
    }
    let rows: Vec<Vec<String>> = replay
        .verdicts
        .iter()
        .map(|change| {
            vec![
                change.gate.to_owned(),
                word(change.from).to_owned(),
                word(change.to).to_owned(),
                change.count.to_string(),
                ids(&change.requests),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output.table(&["gate", "in force", "candidate", "requests", "which"], &rows);
    }
    let rows: Vec<Vec<String>> = replay
        .clauses
        .iter()
        .map(|change| {
            vec![
                change.clause.clone(),
                change.pack.clone(),
                change.gate.to_owned(),
                word(change.verdict).to_owned(),
                <&str>::from(change.change).to_owned(),
                change.count.to_string(),
                ids(&change.requests),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let headers =
            ["clause", "pack", "gate", "verdict", "by the candidate", "requests", "which"];
        output.table(&headers, &rows);
    }
}

fn ids(requests: &[RequestId]) -> String {
    let shown: Vec<String> = requests.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if requests.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Hold => "hold",
        Verdict::Reject => "reject",
    }
}
