//! `davit run` and `davit once`: the same passes, in a loop or one after the other.

use super::environment::configuration;
use super::exit::Exit;
use super::options::Options;
use super::{logging, say, target};
use crate::config::{Config, Purpose};
use crate::engine::board::Board;
use crate::engine::daemon::{Daemon, Wake};
use crate::engine::report::{Outcome, Report};
use crate::engine::services::Services;
use crate::http::{self, Surfaces};
use crate::model::{Reason, Status};
use crate::world::secret;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The daemon, until SIGTERM or SIGINT.
pub(super) async fn run(options: &Options) -> Exit {
    let (config, services, stop) = match start(options) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let listener = match tokio::net::TcpListener::bind(config.server.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            let address = config.server.listen;
            say(&format!("server.listen {address}: {error}; free the port or set server.listen to another one"));
            return Exit::NoResult;
        }
    };
    let board = Arc::new(Board::default());
    let daemon = Daemon::new(services.members(), board.clone(), services.clock());
    tokio::spawn(services.upkeep().keep(board.clone(), stop.clone()));
    let surfaces = surfaces(&config, board, daemon.wake(), services.clock());
    // Port 0 is whichever is free.
    let address = listener.local_addr().unwrap_or(config.server.listen);
    tracing::info!(%address, repositories = config.repositories.len(), "davit is up");
    let closing = stop.clone();
    let server =
        axum::serve(listener, http::router(surfaces)).with_graceful_shutdown(async move { closing.cancelled().await });
    let server = tokio::spawn(server.into_future());
    daemon.run(stop).await;
    match tokio::time::timeout(std::time::Duration::from_secs(5), server).await {
        Ok(Ok(Err(error))) => tracing::error!(%error, "the server ended with an error"),
        Ok(_) => {}
        Err(_) => tracing::warn!("connections that were still open are cut"),
    }
    tracing::info!("davit has ended");
    Exit::Done
}

/// One pass over every repository. One that a signal cut short is no success: what it left is the next run's.
pub(super) async fn once(options: &Options) -> Exit {
    let (_, services, stop) = match start(options) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let reports = services.pass_over_all(&stop).await;
    services.upkeep().prune().await;
    let mut good = !stop.is_cancelled();
    for report in &reports {
        super::print(&told(report));
        good &= !report.failed();
    }
    if good { Exit::Done } else { Exit::NoResult }
}

fn start(options: &Options) -> Result<(Config, Services, CancellationToken), Exit> {
    let config = configuration(options, Purpose::Run)?;
    logging::as_configured(options, &config);
    let stop = CancellationToken::new();
    let services = Services::start(config.clone(), target::git_options(&config)).map_err(|problem| {
        say(&problem.message);
        Exit::NoResult
    })?;
    tokio::spawn(signals(stop.clone()));
    Ok((config, services, stop))
}

/// The first signal asks for an orderly end; a second one ends the process at once.
async fn signals(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals can't be received: only SIGKILL ends this process");
        return;
    };
    for again in [false, true] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if again {
            std::process::exit(130);
        }
        tracing::info!("ending: the step under way is finished first");
        stop.cancel();
    }
}

/// What the surfaces need, with secrets read at each use.
pub(super) fn surfaces(
    config: &Config,
    board: Arc<Board>,
    wake: Wake,
    now: Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>,
) -> Surfaces {
    let reader = |secret: Option<crate::config::SecretRef>| -> http::SecretReader {
        Arc::new(move || secret.as_ref().map(|s| secret::read(s).map_err(|e| e.to_string())).transpose())
    };
    Surfaces {
        board,
        wake: Arc::new(move |name| wake.wake(name)),
        api_token: reader(config.server.api_token.clone()),
        webhook_secret: reader(config.github.webhook_secret.clone()),
        status_page: config.server.status_page,
        now,
    }
}

/// One pass for a person or a job's log.
fn told(report: &Report) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    let found = &report.findings;
    let _ = writeln!(
        out,
        "{}: {}, {}",
        report.name,
        super::render::count(found.rows.len(), "release"),
        super::render::count(found.updates.len(), "update")
    );
    for deed in &report.deeds {
        let mark = match deed.outcome {
            Outcome::Done => "✓",
            Outcome::Held => "·",
            Outcome::Failed => "✗",
        };
        let _ = writeln!(out, "  {mark} {}  {}", deed.branch, super::render::clean(&deed.message));
    }
    // A source that fails is one line, however many releases wait for it.
    let mut failed: BTreeMap<&str, (Reason, usize)> = BTreeMap::new();
    for row in found.rows.iter().filter(|row| row.reason.status() == Status::Failed) {
        failed.entry(&row.message).or_insert((row.reason, 0)).1 += 1;
    }
    for (message, (reason, rows)) in failed {
        let releases = super::render::count(rows, "release");
        let _ = writeln!(out, "  ! {reason}: {} ({releases})", super::render::clean(message));
    }
    if let Some(problem) = &report.error {
        let _ = writeln!(out, "  ✗ {}: {}", problem.reason, super::render::clean(&problem.message));
    }
    out
}
