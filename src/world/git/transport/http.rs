//! Smart HTTP over reqwest, stateless: one GET for the refs, one POST per step. Follows redirects within one origin
//! only, so credentials stay where they belong; sends credentials as basic authentication from the start.

use super::context::{Context, as_git, as_io};
use crate::world::address::{OutOfReach, in_chain};
use crate::world::git::error::{Failure, chain, words};
use git2::Error;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use reqwest::{Body, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Up to this many bytes a body is sent whole, with its length; past it, chunked.
const SPILL: usize = 1 << 20;

/// One connection of libgit2 to an HTTP remote.
pub(super) struct Http {
    context: Option<Arc<Context>>,
    /// Where the refs were found, after redirects: the POSTs go there, as git does.
    base: Mutex<Option<String>>,
}

impl Http {
    pub fn new(context: Option<Arc<Context>>) -> Self {
        Self { context, base: Mutex::new(None) }
    }

    fn refs(&self, context: Arc<Context>, url: &str, service: &'static str) -> Result<Stream, Failure> {
        let suffix = format!("/info/refs?service={service}");
        let client = client(&context)?;
        let request = authorised(&context, client.get(format!("{}{suffix}", url.trim_end_matches('/'))));
        let response = context
            .block("the list of refs", context.idle_timeout, async { request.send().await.map_err(|e| network(&e)) })?;
        let found = response.url().as_str().to_owned();
        let response = checked(&context, response, &format!("application/x-{service}-advertisement"))?;
        let base = found.strip_suffix(&suffix).unwrap_or(url).to_owned();
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = Some(base);
        Ok(Stream {
            context,
            service,
            url: String::new(),
            state: State::Receiving(response),
            rest: bytes::Bytes::new(),
        })
    }

    fn open(&self, url: &str, action: Service) -> Result<Stream, Failure> {
        let context =
            self.context.clone().ok_or_else(|| Failure::Server("no call context on this thread".to_owned()))?;
        let service = match action {
            Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
            Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
        };
        if matches!(action, Service::UploadPackLs | Service::ReceivePackLs) {
            return self.refs(context, url, service);
        }
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        let url = format!("{}/{service}", base.as_deref().unwrap_or(url));
        Ok(Stream { context, service, url, state: State::Collecting(Vec::new()), rest: bytes::Bytes::new() })
    }
}

impl SmartSubtransport for Http {
    fn action(&self, url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        match self.open(url, action) {
            Ok(stream) => Ok(Box::new(stream)),
            Err(failure) => {
                let failure = self.context.as_ref().map_or_else(|| failure.clone(), |c| c.record(failure.clone()));
                Err(as_git(&failure))
            }
        }
    }

    fn close(&self) -> Result<(), Error> {
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

fn client(context: &Context) -> Result<&reqwest::Client, Failure> {
    context.http.as_ref().ok_or_else(|| Failure::ClearText("http is not open for this remote".to_owned()))
}

fn authorised(context: &Context, request: RequestBuilder) -> RequestBuilder {
    let request = request.header("user-agent", concat!("git/2.0 (davit/", env!("CARGO_PKG_VERSION"), ")"));
    match &context.basic {
        Some(basic) => request.basic_auth(&basic.username, Some(basic.password.expose_secret())),
        None => request,
    }
}

/// What a failed exchange means. The URL is left out: the error that carries this names the repository.
fn network(error: &reqwest::Error) -> Failure {
    if let Some(out) = in_chain::<OutOfReach>(error) {
        return Failure::PrivateAddress(out.clone());
    }
    let mut tls = false;
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        let held = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        tls |=
            inner.is::<rustls::Error>() || held.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>);
        cause = inner.source();
    }
    let text = chain(error);
    let text = error.url().map_or(text.clone(), |url| text.replace(&format!(" for url ({url})"), ""));
    // Another version of rustls in between hides the type; its words stay.
    if tls || text.contains("invalid peer certificate") {
        Failure::Tls(text)
    } else if error.is_redirect() {
        Failure::Server(format!("{text}; write the repository's new address into the configuration"))
    } else {
        Failure::Unreachable(text)
    }
}

/// Status and content type; the failure carries what the server said.
fn checked(context: &Context, response: Response, wanted: &str) -> Result<Response, Failure> {
    let status = response.status();
    if !status.is_success() {
        return Err(refusal(context, response));
    }
    let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
    if kind != wanted {
        return Err(Failure::Server(format!("this is no Git server: content type {}, expected {wanted}", words(kind))));
    }
    Ok(response)
}

fn refusal(context: &Context, mut response: Response) -> Failure {
    let status = response.status();
    let mut body = Vec::new();
    let _ = context.runtime.block_on(tokio::time::timeout(
        context.idle_timeout.min(std::time::Duration::from_secs(5)),
        async {
            while body.len() < 4096 {
                match response.chunk().await {
                    Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                    _ => break,
                }
            }
        },
    ));
    let said: String = words(&String::from_utf8_lossy(&body)).chars().take(200).collect();
    let said = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    match status {
        StatusCode::UNAUTHORIZED if context.basic.is_some() => {
            Failure::Unauthorized(format!("credentials refused ({said})"))
        }
        StatusCode::UNAUTHORIZED => Failure::Unauthorized(format!("credentials needed ({said})")),
        StatusCode::FORBIDDEN => Failure::Forbidden(said),
        StatusCode::NOT_FOUND | StatusCode::GONE => Failure::NotFound(said),
        StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLarge(said),
        _ => Failure::Server(said),
    }
}

type Chunk = Result<Vec<u8>, io::Error>;

enum State {
    /// The body of a request grows.
    Collecting(Vec<u8>),
    /// A large body is under way.
    Sending(mpsc::Sender<Chunk>, JoinHandle<Result<Response, reqwest::Error>>),
    /// The answer comes.
    Receiving(Response),
    /// A step failed.
    Dead,
}

struct Stream {
    context: Arc<Context>,
    service: &'static str,
    url: String,
    state: State,
    rest: bytes::Bytes,
}

impl Stream {
    fn post(&self, body: Body) -> Result<RequestBuilder, Failure> {
        Ok(authorised(&self.context, client(&self.context)?.post(&self.url))
            .header("content-type", format!("application/x-{}-request", self.service))
            .header("accept", format!("application/x-{}-result", self.service))
            .body(body))
    }

    /// From writing to reading. A large repository answers late, so only the deadline of the whole call bounds it.
    fn turn(&mut self) -> Result<(), Failure> {
        const STEP: &str = "the server's answer";
        let context = self.context.clone();
        let response = match std::mem::replace(&mut self.state, State::Dead) {
            State::Collecting(body) => {
                let request = self.post(body.into())?;
                context.block(STEP, context.timeout, async { request.send().await.map_err(|e| network(&e)) })?
            }
            State::Sending(sender, mut job) => {
                drop(sender);
                let result = context.block(STEP, context.timeout, async {
                    let joined = (&mut job).await.map_err(|e| Failure::Server(e.to_string()))?;
                    joined.map_err(|e| network(&e))
                });
                if result.is_err() {
                    job.abort();
                }
                result?
            }
            State::Receiving(response) => {
                self.state = State::Receiving(response);
                return Ok(());
            }
            State::Dead => return Err(Failure::Unreachable("the connection already failed".to_owned())),
        };
        let response = checked(&context, response, &format!("application/x-{}-result", self.service));
        self.state = State::Receiving(response.map_err(|failure| context.record(failure))?);
        Ok(())
    }

    fn fill(&mut self) -> Result<(), Failure> {
        self.turn()?;
        let State::Receiving(response) = &mut self.state else { return Ok(()) };
        let limit = self.context.idle_timeout;
        while self.rest.is_empty() {
            let chunk =
                self.context.block("more data", limit, async { response.chunk().await.map_err(|e| network(&e)) })?;
            match chunk {
                Some(chunk) => self.rest = chunk,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn spill(&mut self, more: &[u8]) -> Result<(), Failure> {
        if let State::Collecting(body) = &mut self.state {
            if body.len() + more.len() <= SPILL {
                body.extend_from_slice(more);
                return Ok(());
            }
            let head = std::mem::take(body);
            let (sender, receiver) = mpsc::channel::<Chunk>(8);
            let chunks = futures_util::stream::unfold(receiver, |mut receiver| async {
                receiver.recv().await.map(|chunk| (chunk, receiver))
            });
            let _ = sender.try_send(Ok(head));
            let job = self.context.runtime.spawn(self.post(Body::wrap_stream(chunks))?.send());
            self.state = State::Sending(sender, job);
        }
        let State::Sending(sender, _) = &self.state else {
            return Err(Failure::Server("write after read".to_owned()));
        };
        let chunk = more.to_vec();
        let sent = self
            .context
            .block("room to send", self.context.idle_timeout, async { Ok(sender.send(Ok(chunk)).await.is_ok()) })?;
        if sent {
            return Ok(());
        }
        self.turn()?; // tells why
        Err(Failure::Unreachable("the server ended the request early".to_owned()))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            self.fill().map_err(|failure| as_io(&self.context.record(failure)))?;
        }
        let n = buffer.len().min(self.rest.len());
        buffer[..n].copy_from_slice(&self.rest.split_to(n));
        Ok(n)
    }
}

impl Write for Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.spill(data).map_err(|failure| as_io(&self.context.record(failure)))?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    /// An unfinished upload must not look finished to the server.
    fn drop(&mut self) {
        if let State::Sending(sender, job) = &self.state {
            let _ = sender.try_send(Err(io::Error::other("aborted")));
            job.abort();
        }
    }
}
