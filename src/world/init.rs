//! What a process does once, before its first connection.

/// Makes aws-lc-rs the one TLS provider and registers Git's transports. Call it before other threads use Git; a second
/// call does nothing.
///
/// # Errors
/// Git's transports can't be registered.
pub fn process() -> Result<(), String> {
    tls_provider();
    super::git::init()
}

/// Makes aws-lc-rs the one TLS provider. Safe to call again.
pub fn tls_provider() {
    // An error says that one is installed already: by an earlier call.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
