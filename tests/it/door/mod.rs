//! What steps fetch, as a user meets it: recorded into the lock, replayed from the Store, refused
//! where neither can be. Real steps, real clients, and origins on loopback that do what a test says.

mod broken;
mod facts;
mod kept;
mod killed;
mod origin;
mod refused;
mod replayed;
mod sources;

use crate::home::Home;
use crate::world::Ran;
use origin::AT;

const LOCK: &str = "Dockerfile.lock";

/// Runs a command on the image `busybox` that knows where the origin is.
fn run(home: &Home, command: &str, arguments: &[&str]) -> Ran {
    home.on_busybox(command, &[&[AT], arguments].concat())
}

/// Records, then builds again without network: both must succeed. Answers the lock.
#[track_caller]
fn record_and_replay(home: &Home) -> String {
    run(home, "lock", &[]).expect(0);
    run(home, "verify", &["--offline"]).expect(0);
    home.assert_tidy("no process");
    home.world.read(LOCK)
}

/// The blocks of a lock that are about this URL.
fn blocks<'a>(lock: &'a str, url: &str) -> Vec<&'a str> {
    let line = format!("url = \"{url}\"");
    lock.split("\n\n").filter(|block| block.lines().any(|it| it == line)).collect()
}

/// Whether the Store has this content.
fn has_blob(home: &Home, content: &[u8]) -> bool {
    let name = rlock::oci::Digest::of(content).hex();
    home.store().join("blobs/sha256").join(name).exists()
}
