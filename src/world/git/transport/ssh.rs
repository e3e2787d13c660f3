//! Git over SSH with russh: one session per libgit2 connection. The host key is checked against known_hosts before
//! any credential is used; never ssh-rsa with SHA-1.

use super::context::{Context, as_git, as_io};
use super::known_hosts::{self, Known};
use crate::config::SecretRef;
use crate::world::address::{OutOfReach, in_chain};
use crate::world::git::address::Target;
use crate::world::git::error::{Failure, words};
use crate::world::git::options::SshAuth;
use crate::world::secret;
use git2::Error;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};
use russh::client::{self, AuthResult, Handle};
use russh::keys::agent::{AgentIdentity, client::AgentClient};
use russh::keys::{Algorithm, HashAlg, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, decode_secret_key};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use secrecy::ExposeSecret;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// One connection of libgit2 to an SSH remote.
pub(super) struct Ssh(Option<Arc<Context>>);

impl Ssh {
    pub fn new(context: Option<Arc<Context>>) -> Self {
        Self(context)
    }
}

/// russh wants an error type that its own errors turn into.
#[derive(Debug)]
struct Refusal(Failure);

impl From<russh::Error> for Refusal {
    fn from(error: russh::Error) -> Self {
        Self(Failure::Unreachable(words(&format!("ssh: {error}"))))
    }
}

impl From<russh::AgentAuthError> for Refusal {
    fn from(error: russh::AgentAuthError) -> Self {
        Self(Failure::Unauthorized(words(&format!("ssh-agent: {error}"))))
    }
}

struct HostKey {
    target: Target,
    known: Known,
    file: PathBuf,
}

impl HostKey {
    fn judge(&self, key: &PublicKey) -> Result<(), Failure> {
        let (host, file) = (self.target.known_as(), self.file.clone());
        if self.known.revoked.iter().any(|r| r.key_data() == key.key_data()) {
            return Err(Failure::HostKeyRevoked { host, file });
        }
        if self.known.keys.iter().any(|k| k.key_data() == key.key_data()) {
            return Ok(());
        }
        let shown = format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
        if self.known.keys.is_empty() {
            let port = if self.target.port == 22 { String::new() } else { format!("-p {} ", self.target.port) };
            let remedy = format!("ssh-keyscan {port}{} >> {}", self.target.host, file.display());
            return Err(Failure::HostKeyUnknown { host, key: shown, remedy });
        }
        Err(Failure::HostKeyChanged { host, key: shown, file })
    }
}

impl client::Handler for HostKey {
    type Error = Refusal;

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, Refusal> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = presented else {
            return Err(Refusal(Failure::Server("ssh: host certificates are not supported".to_owned())));
        };
        self.judge(key).map_err(Refusal)?;
        Ok(true)
    }
}

/// Asks for the kinds of key that known_hosts holds first, as ssh does.
fn client_config(known: &Known) -> client::Config {
    let mut config = client::Config {
        nodelay: true,
        keepalive_interval: Some(Duration::from_secs(20)),
        window_size: 8 << 20,
        ..Default::default()
    };
    let rsa = |a: &Algorithm| matches!(a, Algorithm::Rsa { .. });
    let mut kinds: Vec<Algorithm> =
        config.preferred.key.iter().filter(|a| **a != Algorithm::Rsa { hash: None }).cloned().collect();
    kinds.sort_by_key(|a| !known.keys.iter().any(|k| k.algorithm() == *a || (rsa(&k.algorithm()) && rsa(a))));
    config.preferred.key = Cow::Owned(kinds);
    config
}

/// All known_hosts files that are there, and the first one's name for the remedy. One of them must be readable.
fn known_hosts_text(files: &[PathBuf]) -> Result<(String, PathBuf), Failure> {
    let first = files.first().cloned().unwrap_or_default();
    let (mut text, mut problem) = (String::new(), None);
    for file in files {
        match std::fs::read(file) {
            Ok(bytes) => {
                text.push_str(&String::from_utf8_lossy(&bytes));
                text.push('\n');
            }
            Err(error) => problem = problem.or(Some((file.clone(), error.to_string()))),
        }
    }
    match problem {
        Some((file, detail)) if text.is_empty() => Err(Failure::KnownHosts { file, detail }),
        _ => Ok((text, first)),
    }
}

type Session = (Handle<HostKey>, ChannelReadHalf, ChannelWriteHalf<client::Msg>);

async fn open(context: &Context, target: &Target, command: &str) -> Result<Session, Refusal> {
    let (text, file) = known_hosts_text(&context.known_hosts).map_err(Refusal)?;
    let known = known_hosts::of_host(&text, &target.known_as());
    let config = client_config(&known);
    let stream = context.guard.connect(&target.host, target.port).await.map_err(|error| not_connected(&error))?;
    let host_key = HostKey { target: target.clone(), known, file };
    let mut session = client::connect_stream(Arc::new(config), stream, host_key).await?;
    match &context.ssh {
        None => {
            return Err(Refusal(Failure::Unauthorized(
                "no SSH credentials; set git.ssh.keyFile, or SSH_AUTH_SOCK for an agent".to_owned(),
            )));
        }
        Some(SshAuth::Key { key, passphrase }) => {
            enter_with_key(&mut session, target, key, passphrase.as_ref()).await?;
        }
        Some(SshAuth::Agent { socket }) => enter_with_agent(&mut session, target, socket).await?,
    }
    let channel = session.channel_open_session().await?;
    channel.exec(true, command).await?;
    let (reader, writer) = channel.split();
    Ok((session, reader, writer))
}

fn not_connected(error: &io::Error) -> Refusal {
    Refusal(match in_chain::<OutOfReach>(error) {
        Some(out) => Failure::PrivateAddress(out.clone()),
        None => Failure::Unreachable(words(&format!("ssh: {error}"))),
    })
}

async fn rsa_hash(session: &mut Handle<HostKey>, kind: &Algorithm) -> Result<Option<HashAlg>, Refusal> {
    if !matches!(kind, Algorithm::Rsa { .. }) {
        return Ok(None);
    }
    Ok(session.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha512)))
}

async fn enter_with_key(
    session: &mut Handle<HostKey>,
    target: &Target,
    key: &SecretRef,
    passphrase: Option<&SecretRef>,
) -> Result<(), Refusal> {
    let name = match key {
        SecretRef::File(path) => path.display().to_string(),
        SecretRef::Inline(_) => "of git.ssh.key".to_owned(),
    };
    let unreadable = |e: String| Refusal(Failure::Credentials(e));
    let secret = |of: &SecretRef| secret::read(of).map_err(|e| unreadable(e.to_string()));
    let text = secret(key)?;
    let passphrase = passphrase.map(secret).transpose()?;
    let key = decode_secret_key(text.expose_secret(), passphrase.as_ref().map(ExposeSecret::expose_secret));
    let key = key.map_err(|e| {
        unreadable(format!(
            "the SSH key {name} can't be used: {}; where it is encrypted, set git.ssh.passphraseFile",
            words(&e.to_string())
        ))
    })?;
    let hash = rsa_hash(session, &key.algorithm()).await?;
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    if session.authenticate_publickey(&target.user, key).await?.success() {
        return Ok(());
    }
    let text = format!("{}@{} refused the SSH key {name}", target.user, target.host);
    Err(Refusal(Failure::Unauthorized(text)))
}

async fn enter_with_agent(session: &mut Handle<HostKey>, target: &Target, socket: &Path) -> Result<(), Refusal> {
    let no = |e: &dyn std::fmt::Display| {
        Refusal(Failure::Credentials(words(&format!("ssh-agent {}: {e}", socket.display()))))
    };
    let mut agent = AgentClient::connect_uds(socket).await.map_err(|e| no(&e))?;
    let identities = agent.request_identities().await.map_err(|e| no(&e))?;
    let count = identities.len();
    for identity in identities {
        let AgentIdentity::PublicKey { key, .. } = identity else { continue };
        let hash = rsa_hash(session, &key.algorithm()).await?;
        let result = session.authenticate_publickey_with(&target.user, key, hash, &mut agent).await?;
        if matches!(result, AuthResult::Success) {
            return Ok(());
        }
    }
    let text = format!("{}@{} refused all {count} keys of the ssh-agent", target.user, target.host);
    Err(Refusal(Failure::Unauthorized(text)))
}

fn start(context: &Arc<Context>, url: &str, action: Service) -> Result<Stream, Failure> {
    let target = Target::parse(url).ok_or_else(|| Failure::Address("not an SSH address".to_owned()))?;
    let service = match action {
        Service::UploadPackLs | Service::UploadPack => "git-upload-pack",
        Service::ReceivePackLs | Service::ReceivePack => "git-receive-pack",
    };
    let command = format!("{service} '{}'", target.path.replace('\'', r"'\''").replace('!', r"'\!'"));
    let (session, reader, writer) = context.block("the SSH connection", context.connect_timeout, async {
        open(context, &target, &command).await.map_err(|Refusal(failure)| failure)
    })?;
    let input = Input { reader, queue: VecDeque::new(), said: Vec::new(), status: None, ended: false };
    Ok(Stream { context: context.clone(), session: Some(session), input, rest: bytes::Bytes::new(), writer })
}

impl SmartSubtransport for Ssh {
    fn action(&self, url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        let Some(context) = &self.0 else {
            return Err(super::context::plain("no call context on this thread"));
        };
        match start(context, url, action) {
            Ok(stream) => Ok(Box::new(stream)),
            Err(failure) => Err(as_git(&context.record(failure))),
        }
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// What came in. Read by `wait`, not as a stream: that would lose the error output and the exit status.
struct Input {
    reader: ChannelReadHalf,
    queue: VecDeque<bytes::Bytes>,
    said: Vec<u8>,
    status: Option<u32>,
    ended: bool,
}

impl Input {
    /// Takes one message in.
    async fn pump(&mut self) {
        match self.reader.wait().await {
            Some(ChannelMsg::Data { data }) => self.queue.push_back(data),
            Some(ChannelMsg::ExtendedData { data, .. }) if self.said.len() < 8192 => self.said.extend_from_slice(&data),
            Some(ChannelMsg::ExitStatus { exit_status }) => self.status = Some(exit_status),
            Some(ChannelMsg::ExitSignal { .. }) => self.status = Some(255),
            Some(ChannelMsg::Failure) => {
                self.said.extend_from_slice(b"the server refuses to run git");
                self.status = Some(255);
                self.ended = true;
            }
            Some(ChannelMsg::Close) | None => self.ended = true, // not at Eof: the exit status follows it
            Some(_) => {}
        }
    }

    fn verdict(&self) -> Result<(), Failure> {
        let said = words(&String::from_utf8_lossy(&self.said));
        match self.status {
            Some(0) => Ok(()),
            None => Err(Failure::Unreachable(format!("ssh: connection lost {said}"))),
            Some(_) if is_missing(&said) => Err(Failure::NotFound(said)),
            Some(status) => Err(Failure::Server(format!("ssh: the remote git ended with status {status}: {said}"))),
        }
    }
}

fn is_missing(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    said.contains("does not appear to be a git repository") || said.contains("repository not found")
}

struct Stream {
    context: Arc<Context>,
    session: Option<Handle<HostKey>>,
    input: Input,
    rest: bytes::Bytes,
    writer: ChannelWriteHalf<client::Msg>,
}

impl Stream {
    fn fill(&mut self) -> Result<(), Failure> {
        while self.rest.is_empty() {
            if let Some(data) = self.input.queue.pop_front() {
                self.rest = data;
            } else if self.input.ended {
                return self.input.verdict();
            } else {
                let input = &mut self.input;
                self.context.block("more data", self.context.idle_timeout, async {
                    input.pump().await;
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn send(&mut self, data: bytes::Bytes) -> Result<(), Failure> {
        let (input, writer) = (&mut self.input, &self.writer);
        let sent = self.context.block("room to send", self.context.idle_timeout, async {
            let send = writer.data_bytes(data);
            tokio::pin!(send);
            loop {
                // Keep reading while writing, or both sides can wait for ever.
                tokio::select! {
                    result = &mut send => return Ok(result.map_err(|e| words(&e.to_string()))),
                    () = input.pump(), if !input.ended => {}
                }
            }
        })?;
        let Err(error) = sent else { return Ok(()) };
        if self.input.ended {
            self.input.verdict()?;
        }
        Err(Failure::Unreachable(format!("ssh: {error}")))
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
        let bytes = bytes::Bytes::copy_from_slice(data);
        self.send(bytes).map_err(|failure| as_io(&self.context.record(failure)))?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.context.runtime.spawn(async move {
                let _ = session.disconnect(russh::Disconnect::ByApplication, "", "").await;
            });
        }
    }
}
