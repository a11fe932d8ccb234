//! Where the files of an archive are: <https://wiki.debian.org/DebianRepository/Format#Overview>.

/// Which of the two forms of a signed index a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Signed in itself.
    InRelease,
    /// Signed beside itself, in `Release.gpg`.
    Release,
    /// The signature of the above.
    Signature,
}

/// Where a suite is, and in which form its signed index has been asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// URL of the archive's root, which locations of packages are relative to; ends in a slash.
    pub root: String,
    /// Path of the suite below the root, `dists/bookworm`; empty where the archive is flat.
    pub suite: String,
    /// The form.
    pub form: Form,
}

impl Place {
    /// What the names in the `Release` are relative to; ends in a slash.
    pub fn base(&self) -> String {
        if self.suite.is_empty() {
            self.root.clone()
        } else {
            format!("{}{}/", self.root, self.suite)
        }
    }
}

/// The archive's root (it ends in a slash) and the suite's path of the URL of an `InRelease` or
/// `Release`; none where it is none. In a flat archive (without `dists/`) the root is the folder of
/// the index, and the path is empty.
pub fn archive_root(in_release_url: &str) -> Option<(String, String)> {
    release_place(in_release_url).map(|place| (place.root, place.suite))
}

/// The place of a signed index, and which form of it the URL names.
pub fn release_place(url: &str) -> Option<Place> {
    let (folder, file) = url.rsplit_once('/')?;
    let form = match file {
        "InRelease" => Form::InRelease,
        "Release" => Form::Release,
        "Release.gpg" => Form::Signature,
        _ => return None,
    };
    let (_, path) = folder.split_once("://")?;
    let host = folder.len() - path.len() + path.find('/').unwrap_or(path.len());
    let suite = folder.get(host..)?.rfind("/dists/").map(|at| host + at + 1);
    let (root, suite) = match suite {
        Some(at) => (folder.get(..at)?.to_owned(), folder.get(at..)?.to_owned()),
        None => (format!("{folder}/"), String::new()),
    };
    Some(Place { root, suite, form })
}
