//! `leadbroker demo`.

use std::time::Duration;

use strum::VariantArray as _;

use super::args::DemoArgs;
use super::{Output, exit};
use crate::app::{RoleOfProcess, start_embedded};
use crate::demo::{DemoOptions, start, walk};
use crate::shutdown::Shutdown;

/// Runs the command.
pub(super) async fn run(args: DemoArgs, output: &mut Output) -> anyhow::Result<u8> {
    let options = DemoOptions {
        out: args.out,
        database: args.database,
        amqp: args.amqp,
        smtp: args.smtp,
        listen: args.listen,
    };
    let demo = start(&options).await?;
    crate::telemetry::start_logs(&demo.config.log)?;
    let shutdown = Shutdown::default();
    start_embedded(&demo.ctx, &demo.config, RoleOfProcess::VARIANTS, &shutdown);
    let walked = walk(&demo, &mut output.stdout()).await;
    shutdown.drain(Duration::from_secs(30)).await;
    demo.ctx.store.close().await;
    walked?;
    Ok(exit::OK)
}
