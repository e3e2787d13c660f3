//! The transport that refuses: clear-text `git://`. It fails in `action`, where libgit2 keeps the message; an error
//! from the factory would lose it.

use super::context::plain;
use git2::Error;
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream};

/// Refuses every call.
pub(super) struct Refuse;

impl SmartSubtransport for Refuse {
    fn action(&self, _: &str, _: Service) -> Result<Box<dyn SmartSubtransportStream>, Error> {
        Err(plain("clear-text git:// is refused; use https or ssh"))
    }

    fn close(&self) -> Result<(), Error> {
        Ok(())
    }
}
