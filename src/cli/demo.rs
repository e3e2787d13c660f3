//! `davit demo`: the whole product on this machine, told as it happens. The acts are in [`crate::demo::story`]; here is
//! where it runs, what ends it, and that nothing of it is left behind.

mod telling;

use super::exit::Exit;
use super::options::{Demo, Options};
use super::{logging, print, say, service};
use crate::config::Config;
use crate::demo::story::{Broken, Story};
use crate::engine::board::Board;
use crate::engine::daemon::Daemon;
use crate::engine::services::Services;
use crate::http;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telling::Teller;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Time between two passes while the status page is served: short enough to watch.
const INTERVAL: Duration = Duration::from_secs(10);
/// Where the status page listens if nobody says otherwise.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Tells the story, then serves the status page unless `--once`.
pub(super) async fn run(options: &Options, command: &Demo) -> Exit {
    logging::quiet(options);
    let directory = match tempfile::Builder::new().prefix("davit-demo-").tempdir() {
        Ok(directory) => directory,
        Err(error) => {
            say(&format!("no directory for the demo in {}: {error}", std::env::temp_dir().display()));
            return Exit::NoResult;
        }
    };
    let stop = CancellationToken::new();
    let signals = tokio::spawn(signals(stop.clone()));
    let exit = tokio::select! {
        exit = play(command, directory.path(), stop.clone()) => exit,
        () = stop.cancelled() => Exit::NoResult,
    };
    signals.abort();
    remove(directory).await;
    exit
}

async fn play(command: &Demo, directory: &Path, stop: CancellationToken) -> Exit {
    // A port that was asked for by name is had or the demo does not begin.
    let listener = match (command.once, command.listen) {
        (true, _) => None,
        (false, asked) => match listen(asked).await {
            Ok(listener) => Some(listener),
            Err(message) => {
                say(&message);
                return Exit::NoResult;
            }
        },
    };
    let began = Instant::now();
    let mut teller = Teller::new(directory);
    print(&telling::greeting());
    let mut story = match Story::start(directory) {
        Ok(story) => story,
        Err(error) => return broken(&error),
    };
    let told = story
        .play(&mut |scene| {
            print(&teller.tell(scene));
        })
        .await;
    if let Err(error) = told {
        return broken(&error);
    }
    print(&telling::verdict(&story.differences, began.elapsed()));
    if command.once {
        print(telling::NEXT);
    }
    if let Some(listener) = listener {
        print(&telling::invitation(&story, listener.local_addr().ok(), command.listen.is_none()));
        serve(&story.services, &story.config, listener, stop).await;
    }
    if story.differences.is_empty() { Exit::Done } else { Exit::NoResult }
}

fn broken(error: &Broken) -> Exit {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    say(&format!("the demo broke off: {message}"));
    Exit::NoResult
}

/// The address asked for; without one, the usual port or any free one.
async fn listen(asked: Option<SocketAddr>) -> Result<TcpListener, String> {
    if let Some(address) = asked {
        return TcpListener::bind(address).await.map_err(|error| {
            format!("--listen {address}: {error}; name another port, or leave --listen out and a free one is found")
        });
    }
    let free = SocketAddr::new(LISTEN.ip(), 0);
    match TcpListener::bind(LISTEN).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(free).await.map_err(|error| format!("no port for the status page: {error}")),
    }
}

/// The daemon's loop and surfaces, until somebody ends them.
async fn serve(services: &Services, config: &Config, listener: TcpListener, stop: CancellationToken) {
    let board = Arc::new(Board::default());
    let mut members = services.members();
    for member in &mut members {
        member.interval = INTERVAL;
    }
    let daemon = Daemon::new(members, board.clone(), services.clock());
    let surfaces = service::surfaces(config, board.clone(), daemon.wake(), services.clock());
    let server = axum::serve(listener, http::router(surfaces));
    tokio::select! {
        _ = server.into_future() => {}
        () = daemon.run(stop.clone()) => {}
        () = watch(&board) => {}
    }
}

/// Tells of each pass that did something.
async fn watch(board: &Board) {
    let mut last = None;
    loop {
        for (_, entry) in board.entries() {
            let Some(report) = entry.last.filter(|report| last.as_ref() != Some(&report.pass)) else { continue };
            last = Some(report.pass.clone());
            print(&telling::news(&report));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The first signal ends the demo in order; a second one ends it at once.
async fn signals(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else { return };
    for again in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        if again {
            std::process::exit(130);
        }
        stop.cancel();
    }
}

/// Nothing stays. A step that was cut off may still hold a file for a moment.
async fn remove(directory: tempfile::TempDir) {
    let path = directory.keep();
    for _ in 0..50 {
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            _ => return,
        }
    }
    say(&format!("{} could not be removed", path.display()));
}
