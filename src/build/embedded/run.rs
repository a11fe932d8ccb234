//! `RUN`: a command in the sandbox over the stage's layers.

use super::mounted::{Folder, Mounted};
use super::tail::Tail;
use crate::build::event::{BuildName, Event, EventKind, OutputStream};
use crate::build::plan::{RunAction, Step};
use crate::build::{BuildError, FailedReason, FailedStep, Request};
use crate::package::Package;
use crate::sandbox::{self, Bind, Exit, Network, Stream, Surroundings};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the host says which name servers to ask.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Where a heredoc that is a script of its own is seen by the step; outside of the image's tree.
const SCRIPT_FOLDER: &str = "dev/pipes";

/// What the host lends to every step, and where it is seen.
const RESOLVER_TARGETS: [&[u8]; 2] = [b"etc/resolv.conf", b"etc/hosts"];

/// Runs `command`; answers the packages afterwards, where a package database was written.
pub(crate) fn run(
    request: &Request<'_>,
    step: &Step,
    command: &RunAction,
    lowers: &[PathBuf],
    folder: &Folder,
) -> Result<Option<Vec<Package>>, BuildError> {
    let points = mount_points(lowers, folder)?;
    let layers: Vec<PathBuf> = std::iter::once(points).chain(lowers.iter().cloned()).collect();
    let mounted = Mounted::mount(&layers, folder)?;
    mounted.pin_root_time(request.epoch)?;
    let prepared = prepare(request, step, command, &mounted, folder)?;
    let mut tail = Tail::default();
    let mut take = |stream, bytes: &[u8]| {
        tail.push(stream, bytes);
        announce(request, step, stream, bytes);
    };
    let reason = match sandbox::run(&prepared, &mut take, request.cancelled)? {
        Exit::Code(0) => None,
        Exit::Code(code) => Some(FailedReason::Code(code)),
        Exit::Signal(signal) => Some(FailedReason::Signal(signal)),
        Exit::Cancelled => return Err(BuildError::Cancelled),
    };
    if let Some(reason) = reason {
        return Err(FailedStep::of(step, reason, tail.into_lines()).into());
    }
    let packages = mounted.packages_if_written(folder)?;
    mounted.unmount()?;
    Ok(packages)
}

/// A lowest layer with what is only there to be mounted over, so that nothing of it is written.
fn mount_points(lowers: &[PathBuf], folder: &Folder) -> Result<PathBuf, BuildError> {
    let points = folder.files.join("points");
    let in_image = |path: &[u8]| {
        let path = Path::new(OsStr::from_bytes(path));
        let entry = lowers.iter().rev().find_map(|lower| lower.join(path).symlink_metadata().ok());
        entry.is_some_and(|metadata| metadata.is_dir())
    };
    std::fs::create_dir(&points)
        .and_then(|()| sandbox::mount_points_layer(&points, &RESOLVER_TARGETS, &in_image))
        .map_err(|source| BuildError::io(&points, source))?;
    Ok(points)
}

fn announce(request: &Request<'_>, step: &Step, stream: Stream, bytes: &[u8]) {
    let stream = match stream {
        Stream::Stdout => OutputStream::Standard,
        Stream::Stderr => OutputStream::Error,
    };
    let kind = EventKind::Output { stream, bytes: Arc::from(bytes) };
    (request.events)(Event::new(request.name, step.id.as_str(), kind));
}

fn prepare(
    request: &Request<'_>,
    step: &Step,
    command: &RunAction,
    mounted: &Mounted,
    folder: &Folder,
) -> Result<sandbox::Step, BuildError> {
    let user = mounted
        .accounts()?
        .user(&command.user)
        .map_err(|error| FailedStep::of(step, FailedReason::User(error), Vec::new()))?;
    let surroundings = match request.name {
        BuildName::Only | BuildName::A => Surroundings::first(),
        BuildName::B => Surroundings::varied(),
    };
    let mut binds = vec![
        resolver(folder, "resolv.conf", &std::fs::read(RESOLV_CONF).unwrap_or_default())?,
        resolver(folder, "hosts", &surroundings.hosts_file())?,
    ];
    let mut argv = command.argv.clone();
    if let Some((name, text)) = &command.script {
        let bind = script(folder, name, text)?;
        argv.push(format!("/{}", String::from_utf8_lossy(&bind.target)));
        binds.push(bind);
    }
    Ok(sandbox::Step {
        root: mounted.path().to_owned(),
        argv: argv.into_iter().map(String::into_bytes).collect(),
        env: environment(command, request.epoch, &user.home),
        cwd: command.cwd.clone().into_bytes(),
        uid: user.uid,
        gid: user.gid,
        groups: user.groups,
        binds,
        surroundings,
        network: if command.network { Network::Host } else { Network::None },
        stdin: None,
    })
}

/// What the step sees: the Dockerfile's variables win over those that rlock sets.
fn environment(command: &RunAction, epoch: i64, home: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut env = BTreeMap::from([
        ("HOME".to_owned(), home.to_owned()),
        ("SOURCE_DATE_EPOCH".to_owned(), epoch.to_string()),
    ]);
    env.extend(command.env.clone());
    env.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect()
}

/// A copy, made for this step, of what programs resolve names with.
fn resolver(folder: &Folder, name: &str, content: &[u8]) -> Result<Bind, BuildError> {
    let source = folder.files.join(name);
    std::fs::write(&source, content).map_err(|error| BuildError::io(&source, error))?;
    Ok(Bind { source, target: format!("etc/{name}").into_bytes(), read_only: false })
}

fn script(folder: &Folder, name: &str, text: &str) -> Result<Bind, BuildError> {
    let source = folder.files.join("script");
    std::fs::write(&source, text)
        .and_then(|()| std::fs::set_permissions(&source, Permissions::from_mode(0o755)))
        .map_err(|error| BuildError::io(&source, error))?;
    Ok(Bind { source, target: format!("{SCRIPT_FOLDER}/{name}").into_bytes(), read_only: true })
}
