//! Measures the whole way, and in the same run the floor under it. Run it by `scripts/bench`, which starts the services.
//!
//! Standard output is one JSON document; the table and the progress go to standard error. `--quick` measures with
//! fewer requests, to see that everything works.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that goes wrong ends, and says where"
)]

mod answers;
mod decisions;
mod figures;
mod floor;
mod installation;
mod load;
mod pages;
mod queue;
mod roster;
#[path = "../support/roster_year.rs"]
mod roster_year;

use std::time::Duration;

use figures::{Figures, quantile, rate};
use floor::Weight;
use installation::{Installation, Stack};
use load::{Arrivals, Forms};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Amount {
    requests: usize,
    alone: usize,
    waiting: usize,
    answers: usize,
    floor: usize,
}

const FULL: Amount =
    Amount { requests: 3000, alone: 300, waiting: 10_000, answers: 300, floor: 3000 };
const QUICK: Amount = Amount { requests: 300, alone: 50, waiting: 600, answers: 30, floor: 300 };

/// Clients that submit at the same time: enough to keep both processors busy.
const CLIENTS: usize = 64;
/// Requests that share a commit and a confirm round of the batched floor.
const BATCH: usize = 100;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let amount = if has("--quick") { QUICK } else { FULL };
    // `--only embedded` or `--only distributed`: for a profile of one of them.
    let only = |name: &str| !has("--only") || has(name);
    let mut figures = Figures {
        processors: std::thread::available_parallelism().unwrap().get(),
        figures: Vec::new(),
    };
    policy(&mut figures);
    let pages = queue::run(amount.waiting).await;
    let how = format!("a page of 50 out of {} open jobs, embedded", amount.waiting);
    figures.add("worklist, p50", "store", (quantile(&pages, 0.5), "ms"), &how);
    figures.add("worklist, p99", "store", (quantile(&pages, 0.99), "ms"), &how);
    let each = roster::run();
    let how = "who is on duty, a year's roster, one thread";
    figures.add("resolver call", "roster", (each.as_secs_f64() * 1_000_000.0, "us"), how);
    for (stack, name) in [(Stack::Embedded, "embedded"), (Stack::Distributed, "distributed")] {
        if only(name) {
            whole_way(&mut figures, stack, amount).await;
            let count = amount.alone;
            let waits = pages::run(stack, count).await;
            let how = format!(
                "{count} requests, {} a second, submit to the duty desk's webhook",
                pages::A_SECOND
            );
            figures.add("page, p50", stack.name(), (quantile(&waits, 0.5), "ms"), &how);
            figures.add("page, p99", stack.name(), (quantile(&waits, 0.99), "ms"), &how);
        }
    }
    eprintln!("\n{}", figures.table());
    println!("{}", serde_json::to_string_pretty(&figures).unwrap());
}

fn policy(figures: &mut Figures) {
    let orders = ["lacris", "sacramento-fr", "sacramento-ai"];
    for (packs, probes) in [(&orders[..1], 1), (&orders[..1], 3), (&orders[..], 3)] {
        let each = decisions::run(packs, probes);
        let name = format!("decision, {probes} probes, {} packs", packs.len() + 1);
        figures.add(
            &name,
            "policy",
            (each.as_secs_f64() * 1000.0, "ms"),
            "parsed form to verdict, one thread",
        );
    }
}

async fn whole_way(figures: &mut Figures, stack: Stack, amount: Amount) {
    let of = stack.name();
    let mut site = Installation::new(stack);
    started(figures, &mut site).await;
    let http = leadbroker::http::client(Duration::from_mins(1)).unwrap();
    let forms = Forms::new(&site, &http).await;
    let weight = Weight { image: forms.image_bytes(), form: forms.form_bytes() };

    let (arrivals, watch) = load::watch(&site, Duration::from_millis(1)).await;
    let alone = load::run(&site, (&http, &forms), &arrivals, (amount.alone, 1)).await;
    drop(watch);
    let how = format!("one client, image {} kB, submit to reviewers' queue", weight.image / 1000);
    figures.add("alone, p50", of, (quantile(&alone.waits, 0.5), "ms"), &how);
    figures.add("alone, p99", of, (quantile(&alone.waits, 0.99), "ms"), &how);
    figures.add(
        "alone, receipt p50",
        of,
        (quantile(&alone.receipts, 0.5), "ms"),
        "submit to receipt",
    );

    let (arrivals, watch) = load::watch(&site, Duration::from_millis(10)).await;
    let ran = load::run(&site, (&http, &forms), &arrivals, (amount.requests, CLIENTS)).await;
    let how = format!("{CLIENTS} clients, {} requests", amount.requests);
    let requests = rate(amount.requests, ran.time);
    figures.add("requests", of, (requests, "1/s"), &how);
    figures.add("under load, p50", of, (quantile(&ran.waits, 0.5), "ms"), &how);
    figures.add("under load, p99", of, (quantile(&ran.waits, 0.99), "ms"), &how);
    for (name, batch) in [("floor, one by one", 1), ("floor, batched", BATCH)] {
        let time = floor::run(stack, weight, (amount.floor, batch)).await;
        let floor = rate(amount.floor, time);
        figures.add(name, of, (floor, "1/s"), format!("{batch} requests share a commit"));
        figures.add(&format!("requests / {name}"), of, (requests / floor, ""), "in this run");
    }

    answered(figures, &site, (&http, &forms), (&arrivals, amount.answers)).await;

    let waiting = arrivals.len() - 2 * amount.answers;
    if amount.waiting > waiting {
        load::run(&site, (&http, &forms), &arrivals, (amount.waiting - waiting, CLIENTS)).await;
    }
    drop(watch);
    let (held, most) = site.memory();
    figures.add(
        "memory, requests waiting",
        of,
        (held, "MB"),
        format!("resident, {} waiting", amount.waiting),
    );
    figures.add("memory, most", of, (most, "MB"), "resident, at any time of this run");
}

/// Start-up and idle memory; leaves the program running.
async fn started(figures: &mut Figures, site: &mut Installation) {
    let of = site.stack.name();
    let first = site.start().await;
    site.stop();
    let again = site.start().await;
    let milliseconds = |time: Duration| (time.as_secs_f64() * 1000.0, "ms");
    figures.add("start-up", of, milliseconds(first), "spawn to /readyz 200, empty database");
    figures.add("start-up again", of, milliseconds(again), "spawn to /readyz 200, second start");
    figures.add("memory, idle", of, (site.memory().0, "MB"), "resident, after start");
}

/// Released answers a second, of both kinds.
async fn answered(
    figures: &mut Figures,
    site: &Installation,
    load: (&reqwest::Client, &Forms),
    (arrivals, count): (&Arrivals, usize),
) {
    for (name, kind) in
        [("answers, leads", answers::Kind::Lead), ("answers, no-match", answers::Kind::NoMatch)]
    {
        let ran = load::run(site, load, arrivals, (count, 8)).await;
        let time = answers::run(site, load.0, &ran.requests, kind).await;
        let how = format!("{count} answers, release to SMTP 250, with PDF and S/MIME");
        figures.add(name, site.stack.name(), (rate(count, time), "1/s"), how);
    }
}
