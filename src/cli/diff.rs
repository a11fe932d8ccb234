//! `rlock diff A B`: any two images, or directories.

use super::args::{DiffArguments, ImageArgument, ImageSource, NetworkMode};
use super::comparing::{self, Compared};
use super::context::Context;
use super::failure::LikeFile;
use super::images;
use crate::cause::Blame;
use crate::diff::Input;
use crate::oci::Platform;
use crate::report::{DiffReport, Side, Status, Timings};
use crate::store::Image;
use std::path::PathBuf;
use std::time::Instant;

/// What an argument stands for, ready to be compared.
enum Opened {
    Image(Box<Image>),
    Directory(PathBuf),
}

impl Opened {
    fn input(&self) -> Input<'_> {
        match self {
            Self::Image(image) => Input::Image(image),
            Self::Directory(path) => Input::Directory(path),
        }
    }

    fn image(&self) -> Option<&Image> {
        match self {
            Self::Image(image) => Some(image),
            Self::Directory(_) => None,
        }
    }

    fn side(&self, argument: &ImageArgument) -> Side {
        let manifest = match self {
            Self::Image(image) => Some(image.manifest_digest),
            Self::Directory(_) => None,
        };
        Side { name: argument.text.clone(), manifest }
    }
}

/// Opens both sides where they lie, and compares.
pub(super) fn run(arguments: &DiffArguments, context: &Context) -> anyhow::Result<DiffReport> {
    let started = Instant::now();
    let platform = arguments.platform.clone().unwrap_or_else(Platform::host);
    let network = if arguments.offline { NetworkMode::Offline } else { NetworkMode::Online };
    let left = open(&arguments.left, &platform, network, context)?;
    let right = open(&arguments.right, &platform, network, context)?;
    let prepare = started.elapsed();
    let blame = Blame::of_history(left.image(), right.image());
    let Compared { summary, findings, files } =
        comparing::inputs(left.input(), right.input(), &blame, context)?;
    let fail_on = arguments.report.fail_on.into();
    let status = comparing::status(&summary, &findings, fail_on);
    let mut report = DiffReport {
        left: left.side(&arguments.left),
        right: right.side(&arguments.right),
        comparison: summary,
        findings,
        files,
        timings: Timings {
            prepare,
            compare: started.elapsed().saturating_sub(prepare),
            total: started.elapsed(),
        },
        status,
    };
    if !arguments.paths.is_empty() {
        let paths: Vec<Vec<u8>> =
            arguments.paths.iter().map(|path| path.clone().into_bytes()).collect();
        report.keep_below(&paths);
        report.status = if report.files.is_empty() { Status::Ok } else { Status::Findings };
    }
    Ok(report)
}

fn open(
    argument: &ImageArgument,
    platform: &Platform,
    network: NetworkMode,
    context: &Context,
) -> anyhow::Result<Opened> {
    match &argument.source {
        ImageSource::Directory(path) => Ok(Opened::Directory(path.clone())),
        ImageSource::Path(path) if path.is_dir() && !path.join("oci-layout").exists() => {
            Ok(Opened::Directory(path.clone()))
        }
        ImageSource::Registry(reference) => {
            let store = context.open_store()?;
            let image = images::pull(reference, platform, &store, network, context)
                .map_err(|error| LikeFile::suspect(argument, error))?;
            Ok(Opened::Image(Box::new(image)))
        }
        source => Ok(Opened::Image(Box::new(images::open(source, platform)?))),
    }
}
