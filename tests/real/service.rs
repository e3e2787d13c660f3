//! The real `davit run` on a stage: its API pass by pass, and its end.

use crate::stage::{LIMIT, Stage, terminate};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Child;

/// The running daemon; killed where it is dropped.
pub struct Service {
    child: Child,
    log: Arc<Mutex<String>>,
    address: String,
}

impl Service {
    /// Starts it with an interval of a second, and waits until it listens.
    pub async fn start(stage: &mut Stage) -> Self {
        stage.settings.insert("server", "{listen: \"127.0.0.1:0\"}".into());
        if !stage.entry.contains("interval") {
            stage.entry += ", interval: 1s";
        }
        let mut child = stage.spawn("run");
        let log = Arc::new(Mutex::new(String::new()));
        let out: [Box<dyn AsyncRead + Send + Unpin>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in out {
            let log = log.clone();
            tokio::spawn(async move {
                let mut lines = BufReader::new(stream).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    log.lock().unwrap().push_str(&(line + "\n"));
                }
            });
        }
        let pattern = regex::Regex::new(r"address=(127\.0\.0\.1:\d+)").unwrap();
        let end = Instant::now() + LIMIT;
        let address = loop {
            let said = log.lock().unwrap().clone();
            if let Some(found) = pattern.captures(&said) {
                break found[1].to_owned();
            }
            assert!(child.try_wait().unwrap().is_none() && Instant::now() < end, "it is not up:\n{said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Self { child, log, address }
    }

    async fn get(&self, path: &str) -> Value {
        let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
        let answer = client.get(format!("http://{}{path}", self.address)).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// What `/api/v1` says of the fleet after a whole pass that begins now or later.
    pub async fn pass(&self) -> Value {
        let (now, end) = (jiff::Timestamp::now(), Instant::now() + LIMIT);
        loop {
            let fleet = self.get("/api/v1/repositories/fleet").await;
            let started = fleet["lastPass"]["started"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            if started.is_some_and(|at| at >= now) {
                return fleet;
            }
            assert!(Instant::now() < end, "no pass:\n{}", self.log.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// SIGTERM, and the orderly end.
    pub async fn stop(mut self) {
        terminate(&self.child);
        let status = tokio::time::timeout(LIMIT, self.child.wait()).await.expect("it never ends").unwrap();
        assert_eq!(status.code(), Some(0), "{}", self.log.lock().unwrap());
    }
}

/// The row of a release.
pub fn row<'a>(fleet: &'a Value, namespace: &str, name: &str) -> &'a Value {
    let rows = fleet["scan"]["releases"].as_array().unwrap_or_else(|| panic!("{fleet}"));
    rows.iter().find(|row| row["namespace"] == namespace && row["name"] == name).unwrap()
}

/// Messages of the actions on branches that begin so.
pub fn actions(fleet: &Value, branch: &str) -> Vec<String> {
    let all = fleet["actions"].as_array().unwrap().iter();
    let of = all.filter(|action| action["branch"].as_str().unwrap().starts_with(branch));
    of.map(|action| format!("{}: {}", action["outcome"].as_str().unwrap(), action["message"].as_str().unwrap()))
        .collect()
}
