//! A small HTTP server on loopback for the services that stand in for the world: every one is a pure function from
//! request to reply, served on a thread of its own, so that a test may block while it runs.
//!
//! Records every exchange and obeys injected faults. Refuses to listen anywhere but on 127.0.0.1.

use super::fault::{Fault, Faults, Kind, Moment};
use super::traffic::Traffic;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use bytes::Bytes;
use http::HeaderMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// The largest request body that is read, in bytes.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// One request, its body read.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path as sent (percent-encoded), without the query.
    pub path: String,
    /// Decoded query parameters in order.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Request {
    /// The first value of a query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Percent-decoded segments of the path.
    pub fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|s| !s.is_empty()).map(decode).collect()
    }
}

/// Percent-decodes one path segment; a `+` stays one.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// One reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers in order; `content-length` is added by the server.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

impl Reply {
    /// A reply with a content type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: vec![("content-type".into(), content_type.into())], body: body.into() }
    }

    /// A reply with no body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds an entity tag made of the body, and turns the reply into a 304 where the client already has it.
    #[must_use]
    pub fn cached(self, request: &Request) -> Self {
        use sha2::Digest;
        if self.status != 200 || !matches!(request.method.as_str(), "GET" | "HEAD") {
            return self;
        }
        let tag = format!("\"{}\"", hex::encode(&sha2::Sha256::digest(&self.body)[..16]));
        if request.header("if-none-match").is_some_and(|have| have.trim_start_matches("W/") == tag) {
            // A 304 carries no content, so no content type either.
            let kept = self.headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            return Self { status: 304, headers: kept.collect(), body: Bytes::new() }.with("etag", tag);
        }
        self.with("etag", tag)
    }
}

/// What answers requests.
pub trait Service: Send + Sync + 'static {
    /// The reply to one request.
    fn answer(&self, request: &Request) -> Reply;
}

/// A running server; dropping it stops it and closes every connection.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// What was asked and answered.
    pub traffic: Arc<Traffic>,
    /// Faults to come.
    pub faults: Arc<Faults>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Starts serving on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// No port or no thread is to be had.
    pub fn start(name: &str, service: Arc<dyn Service>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (traffic, faults) = (Arc::new(Traffic::default()), Arc::new(Faults::default()));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let shared = Shared { service, traffic: traffic.clone(), faults: faults.clone() };
        let thread = std::thread::Builder::new().name(format!("demo {name}")).spawn(move || {
            let app = axum::Router::new().fallback(answer).with_state(shared);
            let app = app.into_make_service_with_connect_info::<Cut>();
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                tokio::select! {
                    _ = axum::serve(Doors(listener), app) => {}
                    _ = stopped => {}
                }
            });
            // Dropping the runtime ends hanging connections too.
        })?;
        Ok(Self { address, traffic, faults, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:<port>`
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The next requests that match fail as told.
    pub fn fail(&self, fault: Fault) {
        self.faults.add(fault);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone)]
struct Shared {
    service: Arc<dyn Service>,
    traffic: Arc<Traffic>,
    faults: Arc<Faults>,
}

async fn answer(
    axum::extract::State(shared): axum::extract::State<Shared>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: axum::extract::Request,
) -> axum::response::Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else { return plain(413) };
    let query = parts.uri.query().unwrap_or_default();
    let request = Request {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body,
    };
    let ticket = shared.traffic.arrived(&request);
    let fault = match shared.faults.take(&request) {
        Some(Fault { kind: Kind::Hold(go_on), .. }) => {
            go_on.notified().await;
            None
        }
        fault => fault,
    };
    let early = fault.as_ref().filter(|fault| fault.moment == Moment::Before);
    let reply = if early.is_some() { Reply::empty(200) } else { shared.service.answer(&request) };
    if let Some(fault) = fault {
        return fault.kind.inflict(reply, &cut, |status| shared.traffic.failed(ticket, status)).await;
    }
    shared.traffic.answered(ticket, &reply);
    let head = request.method == "HEAD";
    response(reply, head)
}

/// The reply as axum sends it.
pub(super) fn response(reply: Reply, head: bool) -> axum::response::Response {
    let length = reply.body.len();
    let mut builder = http::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        builder = builder.header(name, value);
    }
    if head {
        builder = builder.header("content-length", length);
    }
    let body = if head { Body::empty() } else { Body::from(reply.body) };
    builder.body(body).unwrap_or_else(|_| plain(500))
}

fn plain(status: u16) -> axum::response::Response {
    let mut response = axum::response::Response::default();
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// Cuts one connection, so that a client sees it end without an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Cut(Arc<AtomicBool>);

impl Cut {
    /// From now on every read and write of the connection fails.
    pub(super) fn now(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl Connected<IncomingStream<'_, Doors>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Doors>) -> Self {
        stream.io().cut.clone()
    }
}

struct Doors(TcpListener);

impl Listener for Doors {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        let _ = stream.set_nodelay(true);
        (Line { stream, cut: Cut::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// One connection that can be cut.
struct Line {
    stream: TcpStream,
    cut: Cut,
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.cut.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.cut.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
