//! A Git server over TLS (or clear text) for tests: `git http-backend` behind a small server with a certificate
//! made at start, basic authentication, and faults on demand. Only on loopback.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// What the server does instead of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Accepts the connection and says nothing, not even TLS.
    HangAtConnect,
    /// Takes the request for the refs and never answers.
    HangAtRefs,
    /// Takes a POST and never answers.
    HangAtPost,
    /// Sends half of the pack and then nothing.
    HangInPack,
    /// Sends half of the pack and closes.
    CutPack,
    /// Answers everything with this status and a page that names it.
    Status(u16),
    /// Answers POSTs only with this status.
    PostStatus(u16),
    /// A page of HTML with status 200.
    Html,
    /// Redirects to the same path below `/moved` on this server.
    MovedHere,
    /// Redirects to another port of this host.
    MovedAway,
    /// Takes a push and never carries it out; as many pushes as said go well first.
    HangBeforePush(usize),
    /// Carries a push out and never says so; as many pushes as said go well first.
    HangAfterPush(usize),
    /// Lets a push that asks for the refs wait until the fault is taken back.
    HoldPushRefs,
    /// Lets a push that has seen the refs wait until the fault is taken back; as many pushes as said go well first.
    HoldPush(usize),
}

/// A running server over one directory of bare repositories. Ends with this value.
pub struct GitServer {
    /// `https://localhost:PORT`, or `http://…` for a clear-text one.
    pub url: String,
    /// The PEM file of the authority that signed the certificate.
    pub ca_pem_path: PathBuf,
    state: Arc<State>,
    job: tokio::task::JoinHandle<()>,
    _dir: tempfile::TempDir,
}

struct State {
    root: PathBuf,
    users: Vec<(String, String)>,
    fault: Mutex<Option<Fault>>,
    requests: Mutex<Vec<String>>,
    /// Pushes that arrived since the fault was set.
    pushes: AtomicUsize,
    /// A request hangs now, its work done or not, as its fault says.
    hanging: AtomicBool,
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.job.abort();
    }
}

impl GitServer {
    /// Serves `root` over TLS to everybody.
    pub async fn start(root: &Path) -> Self {
        Self::start_with(root, &[], true).await
    }

    /// Serves `root` to these users and passwords; over TLS, or in clear text.
    pub async fn start_with(root: &Path, users: &[(&str, &str)], tls: bool) -> Self {
        backend();
        let dir = tempfile::tempdir().unwrap();
        let ca_pem_path = dir.path().join("ca.pem");
        let acceptor = acceptor(&ca_pem_path, &["localhost", "127.0.0.1", "git.test"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            root: root.to_path_buf(),
            users: users.iter().map(|(u, p)| ((*u).to_owned(), (*p).to_owned())).collect(),
            fault: Mutex::new(None),
            requests: Mutex::new(Vec::new()),
            pushes: AtomicUsize::new(0),
            hanging: AtomicBool::new(false),
        });
        let job = tokio::spawn(accept(listener, tls.then_some(acceptor), state.clone()));
        let scheme = if tls { "https" } else { "http" };
        Self { url: format!("{scheme}://localhost:{port}"), ca_pem_path, state, job, _dir: dir }
    }

    /// From now on does this instead; `None` works again.
    pub fn fault(&self, fault: Option<Fault>) {
        *self.state.fault.lock().unwrap() = fault;
        self.state.pushes.store(0, Ordering::SeqCst);
        self.state.hanging.store(false, Ordering::SeqCst);
    }

    /// Whether a push hangs now.
    pub fn hanging(&self) -> bool {
        self.state.hanging.load(Ordering::SeqCst)
    }

    /// How many pushes arrived so far.
    pub fn pushes(&self) -> usize {
        self.requests()
            .iter()
            .filter(|target| target.starts_with("POST") && target.contains("/git-receive-pack"))
            .count()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Method and target of every request so far.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }
}

/// The `git http-backend` program.
fn backend() -> PathBuf {
    let output = std::process::Command::new("git").arg("--exec-path").output();
    let output = output.expect("can't run `git`: install the Debian package git");
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("git-http-backend");
    assert!(path.exists(), "{} is missing: install the Debian package git", path.display());
    path
}

/// A certificate for these names, of an authority of its own whose PEM goes to this file.
pub fn acceptor(ca_pem_path: &Path, names: &[&str]) -> tokio_rustls::TlsAcceptor {
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    ca.distinguished_name.push(rcgen::DnType::CommonName, "Davit test authority");
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let issuer = rcgen::CertifiedIssuer::self_signed(ca, ca_key).unwrap();
    std::fs::write(ca_pem_path, issuer.pem()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, tls: Option<tokio_rustls::TlsAcceptor>, state: Arc<State>) {
    let mut sessions = tokio::task::JoinSet::new();
    while let Ok((stream, peer)) = listener.accept().await {
        let (tls, state) = (tls.clone(), state.clone());
        sessions.spawn(async move {
            let _ = session(stream, peer, tls, &state).await;
        });
    }
}

async fn session(
    stream: TcpStream,
    _peer: SocketAddr,
    tls: Option<tokio_rustls::TlsAcceptor>,
    state: &State,
) -> io::Result<()> {
    if state.fault() == Some(Fault::HangAtConnect) {
        hang().await;
    }
    match tls {
        Some(acceptor) => serve(acceptor.accept(stream).await?, state).await,
        None => serve(stream, state).await,
    }
}

async fn hang() {
    std::future::pending::<()>().await;
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

impl State {
    fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap()
    }

    fn user(&self, request: &Request) -> Option<String> {
        use base64::Engine;
        let header = request.header("authorization");
        let text = base64::engine::general_purpose::STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        let text = String::from_utf8(text).ok()?;
        let (user, password) = text.split_once(':')?;
        let known = self.users.iter().any(|(u, p)| u == user && p == password);
        known.then(|| user.to_owned())
    }
}

/// One request per connection: simple, and every fault has its own connection.
async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, state: &State) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let Some(request) = read_request(&mut stream).await? else { return Ok(()) };
    let target = format!("{} {}?{}", request.method, request.path, request.query);
    state.requests.lock().unwrap().push(target);
    let answer = answer(&request, state).await?;
    let cut = request.method == "POST" && matches!(state.fault(), Some(Fault::HangInPack | Fault::CutPack));
    if !cut {
        stream.write_all(&answer).await?;
        return stream.shutdown().await;
    }
    let head = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(0) + 4;
    stream.write_all(&answer[..head + (answer.len() - head) / 2]).await?;
    stream.flush().await?;
    if state.fault() == Some(Fault::HangInPack) {
        hang().await;
    }
    stream.shutdown().await
}

async fn read_request(stream: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if request.header("transfer-encoding") == "chunked" {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).await?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await?;
            if size == 0 {
                break;
            }
            request.body.extend_from_slice(&chunk[..size]);
        }
    } else if let Ok(length) = request.header("content-length").parse() {
        request.body = vec![0; length];
        stream.read_exact(&mut request.body).await?;
    }
    Ok(Some(request))
}

fn page(status: u16, more: &str, text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: text/html\r\n{more}content-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

async fn answer(request: &Request, state: &State) -> io::Result<Vec<u8>> {
    let post = request.method == "POST";
    let target = format!("{}?{}", request.path, request.query);
    match state.fault() {
        Some(Fault::HangAtRefs) if !post => hang().await,
        Some(Fault::HangAtPost) if post => hang().await,
        Some(Fault::Status(status)) => return Ok(page(status, "", &format!("the server says {status}"))),
        Some(Fault::PostStatus(status)) if post => return Ok(page(status, "", &format!("the server says {status}"))),
        Some(Fault::Html) => return Ok(page(200, "", "<html>log in</html>")),
        Some(Fault::MovedHere) if !request.path.starts_with("/moved") => {
            return Ok(page(301, &format!("location: /moved{target}\r\n"), ""));
        }
        Some(Fault::MovedAway) => {
            return Ok(page(301, &format!("location: https://localhost:1{target}\r\n"), ""));
        }
        _ => {}
    }
    let push = post && request.path.ends_with("/git-receive-pack");
    let nth = if push { state.pushes.fetch_add(1, Ordering::SeqCst) } else { 0 };
    let user = if state.users.is_empty() { Some("anonymous".to_owned()) } else { state.user(request) };
    let Some(user) = user else {
        return Ok(page(401, "www-authenticate: Basic realm=\"git\"\r\n", "who are you?"));
    };
    if push && state.fault() == Some(Fault::HangBeforePush(nth)) {
        state.hanging.store(true, Ordering::SeqCst);
        hang().await;
    }
    let asks = !post && request.query == "service=git-receive-pack";
    let held = [asks.then_some(Fault::HoldPushRefs), push.then_some(Fault::HoldPush(nth))];
    while let Some(fault) = state.fault()
        && held.contains(&Some(fault))
    {
        state.hanging.store(true, Ordering::SeqCst);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let answer = run_backend(request, &user, state).await;
    if push && state.fault() == Some(Fault::HangAfterPush(nth)) {
        state.hanging.store(true, Ordering::SeqCst);
        hang().await;
    }
    answer
}

async fn run_backend(request: &Request, user: &str, state: &State) -> io::Result<Vec<u8>> {
    let path = request.path.strip_prefix("/moved").unwrap_or(&request.path);
    let mut child = Command::new(backend())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_COUNT", "2")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("GIT_CONFIG_KEY_1", "http.receivepack")
        .env("GIT_CONFIG_VALUE_1", "true")
        .env("GIT_PROJECT_ROOT", &state.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", &request.query)
        .env("CONTENT_TYPE", request.header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
        .env("HTTP_GIT_PROTOCOL", request.header("git-protocol"))
        .env("REMOTE_USER", user)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().unwrap();
    let body = request.body.clone();
    let feed = tokio::spawn(async move {
        let _ = stdin.write_all(&body).await;
    });
    let output = child.wait_with_output().await?;
    let _ = feed.await;
    let at = output.stdout.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(output.stdout.len());
    let head = String::from_utf8_lossy(&output.stdout[..at]).into_owned();
    let status = head.lines().find_map(|l| l.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let body = output.stdout.get(at + 4..).unwrap_or(&[]);
    let mut answer = format!(
        "HTTP/1.1 {status}\r\n{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        head.trim_end(),
        body.len()
    );
    if let Some(from) = answer.find("\r\nStatus:") {
        let to = answer[from + 2..].find("\r\n").map_or(answer.len(), |n| from + 2 + n);
        answer.replace_range(from..to, "");
    }
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(body);
    Ok(answer)
}
