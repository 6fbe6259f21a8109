//! `leadbroker demo`.

use std::time::Duration;

use strum::VariantArray as _;

use super::args::DemoArgs;
use super::{Output, exit};
use crate::app::{RoleOfProcess, start as start_workers};
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
    let health = start_workers(&demo.ctx, &demo.config, RoleOfProcess::VARIANTS, &shutdown).await?;
    let walked = walk(&demo, &mut output.stdout()).await;
    if walked.is_ok() && !args.no_serve {
        let listener = tokio::net::TcpListener::bind(&demo.config.server.listen).await?;
        output.line(&format!(
            "The API listens on {}; tokens are in demo.json. End with Ctrl-C.",
            demo.config.server.public_origin
        ));
        super::serve::serve(&demo.ctx, &demo.config, (listener, health), &shutdown).await;
    }
    shutdown.drain(Duration::from_secs(30)).await;
    demo.ctx.store.close().await;
    walked?;
    Ok(exit::OK)
}
