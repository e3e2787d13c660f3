//! `davit demo`: the whole product on this machine, told as it happens.

use super::exit::Exit;
use super::options::{Demo, Options};
use super::say;

pub(super) fn run(_options: &Options, _command: &Demo) -> Exit {
    say("the demo is not told yet");
    Exit::NoResult
}
