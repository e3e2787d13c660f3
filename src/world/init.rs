//! What a process does once, before its first connection.

/// Makes aws-lc-rs the one TLS provider. Safe to call again.
pub fn tls_provider() {
    // An error says that one is installed already: by an earlier call.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
