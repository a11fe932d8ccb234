//! `RUN`: a command in the sandbox over the stage's layers.

use super::mounted::{Folder, Mounted};
use super::mounts::Mounts;
use super::network::Network;
use super::stage::Surrounding;
use super::tail::Tail;
use super::trust::TrustError;
use crate::build::event::{BuildName, Event, EventKind, OutputStream};
use crate::build::plan::{RunAction, Step};
use crate::build::{BuildError, FailedReason, FailedStep, Request};
use crate::package::Package;
use crate::sandbox::{self, Bind, Exit, Stream, Surroundings};
use crate::store::remove_tree;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a heredoc that is a script of its own is seen by the step; outside of the image's tree.
const SCRIPT_FOLDER: &str = "dev/pipes";

/// What the user is told where a step is started anew.
const MOVED: &str =
    "rlock: these files take more memory than they may; the step starts anew on the disk\n";

/// What the host lends to every step, and where it is seen.
const RESOLVER_TARGETS: [&[u8]; 2] = [b"etc/resolv.conf", b"etc/hosts"];

/// Runs `command`; answers the folder with what it wrote and, where a package database was written,
/// the packages afterwards.
///
/// What outgrows memory is started anew on the disk: a step is a function of what it starts from.
pub(crate) fn run(
    surrounding: Surrounding<'_>,
    step: &Step,
    command: &RunAction,
    lowers: &[PathBuf],
) -> Result<(Folder, Option<Vec<Package>>), BuildError> {
    let Surrounding { request, shared, .. } = surrounding;
    if let Some(folder) = shared.room.in_memory()? {
        let (ran, is_short) = shared.room.watched(request.cancelled, |stop| {
            run_in(surrounding, step, command, lowers, &folder, stop)
        });
        match ran {
            Err(BuildError::Cancelled)
                if is_short && !request.cancelled.load(Ordering::Relaxed) =>
            {
                remove_tree(&folder.root).map_err(|error| BuildError::io(&folder.root, error))?;
                announce(request, step, Stream::Stderr, MOVED.as_bytes());
            }
            ran => return Ok((folder, ran?)),
        }
    }
    let folder = shared.room.on_disk()?;
    let packages = run_in(surrounding, step, command, lowers, &folder, request.cancelled)?;
    Ok((folder, packages))
}

fn run_in(
    surrounding: Surrounding<'_>,
    step: &Step,
    command: &RunAction,
    lowers: &[PathBuf],
    folder: &Folder,
    cancelled: &AtomicBool,
) -> Result<Option<Vec<Package>>, BuildError> {
    let request = surrounding.request;
    let mounts = Mounts::prepare(surrounding, step, lowers, folder)?;
    let points = mount_points(lowers, folder)?;
    mounts.make_points(&points, request.epoch)?;
    let network = Network::prepare(surrounding, (&step.id, command), lowers, folder)?;
    let on_top = network.layers().map(Path::to_owned);
    let layers: Vec<PathBuf> =
        std::iter::once(points).chain(lowers.iter().cloned()).chain(on_top).collect();
    let mounted = Mounted::mount(&layers, folder)?;
    mounted.pin_root_time(request.epoch)?;
    let mut prepared = prepare(request, step, command, &network, &mounted, folder)?;
    prepared.binds.extend(mounts.binds());
    mounts.add_variables(&mut prepared.env);
    let mut tail = Tail::default();
    let mut redactor = mounts.redactor();
    let mut show = |stream, bytes: &[u8]| {
        tail.push(stream, bytes);
        announce(request, step, stream, bytes);
    };
    let mut take = |stream, bytes: &[u8]| show(stream, &redactor.push(stream, bytes));
    let exit = network.run(&prepared, &mut take, cancelled)?;
    for (stream, rest) in redactor.finish() {
        show(stream, &rest);
    }
    let reason = match exit {
        Exit::Code(0) => None,
        Exit::Code(code) => Some(FailedReason::Code(code)),
        Exit::Signal(signal) => Some(FailedReason::Signal(signal)),
        Exit::Cancelled => return Err(BuildError::Cancelled),
    };
    if let Some(reason) = reason {
        return Err(FailedStep::of(step, reason, tail.into_lines()).into());
    }
    let mut packages = mounted.packages_if_written(folder)?;
    network.forget_held(packages.as_mut());
    mounted.unmount()?;
    network.scrub().map_err(|error| at_step(step, error))?;
    mounts.finish(step, &folder.upper)?;
    Ok(packages)
}

/// What the step's own command is to blame for is the step's failure.
fn at_step(step: &Step, error: BuildError) -> BuildError {
    match error {
        BuildError::Trust(left @ TrustError::Residue(_)) => {
            FailedStep::of(step, FailedReason::AuthorityLeft(left), Vec::new()).into()
        }
        other => other,
    }
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

/// Passes output of a step on to whoever shows it.
pub(crate) fn announce(request: &Request<'_>, step: &Step, stream: Stream, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
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
    network: &Network<'_>,
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
        resolver(folder, "resolv.conf", &network.resolver())?,
        resolver(folder, "hosts", &surroundings.hosts_file())?,
    ];
    binds.extend(network.binds());
    let mut argv = command.argv.clone();
    if let Some((name, text)) = &command.script {
        let bind = script(folder, name, text)?;
        argv.push(format!("/{}", String::from_utf8_lossy(&bind.target)));
        binds.push(bind);
    }
    Ok(sandbox::Step {
        root: mounted.path().to_owned(),
        argv: argv.into_iter().map(String::into_bytes).collect(),
        env: environment(command, network, request.epoch, &user.home),
        cwd: command.cwd.clone().into_bytes(),
        uid: user.uid,
        gid: user.gid,
        groups: user.groups,
        binds,
        surroundings,
        network: network.kind(),
        stdin: None,
    })
}

/// What the step sees: the Dockerfile's variables win over those that rlock sets.
fn environment(
    command: &RunAction,
    network: &Network<'_>,
    epoch: i64,
    home: &str,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut env = BTreeMap::from([
        ("HOME".to_owned(), home.to_owned()),
        ("SOURCE_DATE_EPOCH".to_owned(), epoch.to_string()),
    ]);
    env.extend(network.environment());
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
