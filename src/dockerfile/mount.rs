//! `RUN --mount`: options as written, and the mount that they come to once variables are known.
//!
//! <https://docs.docker.com/reference/dockerfile/#run---mount>

use super::expand::ExpandError;
use super::{ParseError, Word};
use crate::text::Span;

/// A `--mount` as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountFlag {
    /// The options in order.
    pub options: Vec<MountOption>,
    /// The whole value.
    pub span: Span,
}

/// One option of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOption {
    /// The key in lower case.
    pub key: String,
    /// What stands behind `=`, not expanded.
    pub value: Option<Word>,
    /// The whole option.
    pub span: Span,
}

/// A mount with all variables expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// Where; a path relative to the working directory is possible. Empty where the kind has a
    /// default place.
    pub target: String,
    /// Whether the command may not write there.
    pub read_only: bool,
    /// `mode`, for cache, secret and ssh.
    pub mode: Option<u32>,
    /// `uid`, for cache, secret and ssh.
    pub uid: Option<u32>,
    /// `gid`, for cache, secret and ssh.
    pub gid: Option<u32>,
}

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// Files of the context, a stage or an image. What is written there is dropped.
    Bind {
        /// A stage, an image or a named context; the context if there is none.
        from: Option<String>,
        /// The path in it; its root if empty.
        source: String,
    },
    /// A directory that outlives the build.
    Cache {
        /// Its name; by default the target.
        id: Option<String>,
        /// What it starts with: a stage, an image or a named context.
        from: Option<String>,
        /// The path in that.
        source: String,
        /// How builds at the same time share it.
        sharing: Sharing,
    },
    /// A file system in memory.
    Tmpfs {
        /// The most bytes it holds, if it says so.
        size: Option<u64>,
    },
    /// A secret as a file, an environment variable or both.
    Secret {
        /// Its name.
        id: String,
        /// The environment variable.
        env: Option<String>,
        /// Whether the build fails without it.
        required: bool,
    },
    /// The socket of an SSH agent.
    Ssh {
        /// Which agent; `default` by default.
        id: Option<String>,
        /// Whether the build fails without it.
        required: bool,
    },
}

/// How builds share a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// All write at the same time.
    #[default]
    Shared,
    /// Each gets its own.
    Private,
    /// One after the other.
    Locked,
}

/// All keys, for "did you mean".
const KEYS: [&str; 19] = [
    "destination",
    "dst",
    "env",
    "from",
    "gid",
    "id",
    "mode",
    "readonly",
    "readwrite",
    "required",
    "ro",
    "rw",
    "sharing",
    "size",
    "source",
    "src",
    "target",
    "type",
    "uid",
];

const KINDS: [&str; 5] = ["bind", "cache", "tmpfs", "secret", "ssh"];

impl MountFlag {
    /// Splits the value into options. What holds no variable is checked at once.
    pub(super) fn parse(value: &Word) -> Result<Self, ParseError> {
        let fields = fields(value)?;
        let options = fields.into_iter().map(option).collect::<Result<Vec<_>, _>>()?;
        let flag = Self { options, span: value.span };
        let mut plain = true;
        for option in &flag.options {
            let Some(value) = &option.value else { continue };
            plain &= value.is_plain();
            // A `$` at the very end is none; BuildKit lets that pass, too.
            let variable = value.text.find('$').is_some_and(|at| at + 1 < value.text.len());
            if option.key == "from" && variable {
                let message = "`from` in a mount cannot use variables";
                let hint = "give the image a name with `FROM image AS name`, and use that";
                return Err(ParseError::new(value.span, message).with_hint(hint));
            }
        }
        if plain {
            flag.resolve(&|text| Ok(text.to_owned()))?;
        }
        Ok(flag)
    }

    /// The mount that this comes to; `expand` expands one value.
    pub fn resolve(
        &self,
        expand: &dyn Fn(&str) -> Result<String, ExpandError>,
    ) -> Result<Mount, ParseError> {
        let mut draft = Draft::default();
        for option in &self.options {
            let value = option.value.as_ref().map(|value| expand(&value.text)).transpose();
            let value = value.map_err(|error| {
                let parse_error = ParseError::new(option.span, error.to_string());
                ParseError { hint: error.hint(), ..parse_error }
            })?;
            draft.set(option, value.as_deref())?;
        }
        draft.finish(self.span)
    }
}

/// Splits at commas as CSV has them: a field in double quotes may hold some.
fn fields(value: &Word) -> Result<Vec<Word>, ParseError> {
    let mut fields = Vec::new();
    let mut start = 0;
    loop {
        let rest = value.text.get(start..).unwrap_or_default();
        let end = match rest.strip_prefix('"') {
            None => {
                let end = start + rest.find(',').unwrap_or(rest.len());
                fields.push(value.part(start, end));
                end
            }
            Some(quoted) => {
                let length = closing_quote(quoted).ok_or_else(|| {
                    ParseError::new(value.span, "a quote in the mount's options is not closed")
                })?;
                let inside = value.part(start + 1, start + 1 + length);
                fields.push(Word { text: inside.text.replace("\"\"", "\""), span: inside.span });
                start + length + 2
            }
        };
        match value.text.get(end..).unwrap_or_default().chars().next() {
            None => return Ok(fields),
            Some(',') => start = end + 1,
            Some(_) => {
                let after = value.part(end, value.text.len());
                return Err(ParseError::new(after.span, "expected `,` after a quoted option"));
            }
        }
    }
}

/// Where a quoted field ends; two quotes in a row are one in the text.
fn closing_quote(quoted: &str) -> Option<usize> {
    let mut quotes = quoted.match_indices('"').map(|(at, _)| at).peekable();
    while let Some(at) = quotes.next() {
        if quotes.peek() != Some(&(at + 1)) {
            return Some(at);
        }
        quotes.next();
    }
    None
}

fn option(field: Word) -> Result<MountOption, ParseError> {
    let span = field.span;
    let (key, value) = match field.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (field, None),
    };
    let lower = key.text.to_lowercase();
    let may_stand_alone =
        ["readonly", "ro", "readwrite", "rw", "required"].contains(&lower.as_str());
    if !KEYS.contains(&lower.as_str()) {
        let message = format!("unknown mount option `{}`", key.text);
        return Err(ParseError::new(key.span, message).with_nearest(&key.text, KEYS));
    }
    if value.is_none() && !may_stand_alone {
        let message = format!("mount option `{}` needs a value", key.text);
        return Err(ParseError::new(span, message).with_hint(format!("write `{}=…`", key.text)));
    }
    Ok(MountOption { key: lower, value, span })
}

/// A mount whose options are still coming in.
#[derive(Default)]
struct Draft {
    kind: Kind,
    from: Option<String>,
    source: String,
    target: String,
    read_only: Option<bool>,
    id: Option<String>,
    env: Option<String>,
    sharing: Option<Sharing>,
    required: bool,
    size: Option<u64>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Cache => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
        }
    }
}

impl Draft {
    fn set(&mut self, option: &MountOption, value: Option<&str>) -> Result<(), ParseError> {
        let text = value.unwrap_or_default();
        let some = Some(text.to_owned()).filter(|text| !text.is_empty());
        match option.key.as_str() {
            "type" => self.kind = kind(option, text)?,
            "from" => self.from = some,
            "source" | "src" => text.clone_into(&mut self.source),
            "target" | "dst" | "destination" => text.clone_into(&mut self.target),
            "readonly" | "ro" => self.read_only = Some(boolean(option, value)?),
            "readwrite" | "rw" => self.read_only = Some(!boolean(option, value)?),
            "required" => {
                self.allow(option, &[Kind::Secret, Kind::Ssh])?;
                self.required = boolean(option, value)?;
            }
            "size" => {
                self.allow(option, &[Kind::Tmpfs])?;
                self.size = Some(size(text).ok_or_else(|| wrong_value(option, text))?);
            }
            "id" => self.id = some,
            "env" => self.env = some,
            "sharing" => self.sharing = Some(sharing(option, text)?),
            "mode" => self.mode = Some(number(option, text, 8)?),
            "uid" => self.uid = Some(number(option, text, 10)?),
            "gid" => self.gid = Some(number(option, text, 10)?),
            key => {
                let message = format!("mount option `{key}` is not supported");
                return Err(ParseError::new(option.span, message));
            }
        }
        Ok(())
    }

    /// Refuses an option that the kind, as far as it is known here, does not take. As in
    /// `BuildKit`, `type` must therefore stand before it.
    fn allow(&self, option: &MountOption, kinds: &[Kind]) -> Result<(), ParseError> {
        if kinds.contains(&self.kind) {
            return Ok(());
        }
        let message = format!("`{}` is no option of a {} mount", option.key, self.kind.name());
        let hint = format!("put `type={}` before it", kinds.first().map_or("", |kind| kind.name()));
        Err(ParseError::new(option.span, message).with_hint(hint))
    }

    fn finish(self, span: Span) -> Result<Mount, ParseError> {
        self.check(span)?;
        let writable = matches!(self.kind, Kind::Cache | Kind::Tmpfs);
        Ok(Mount {
            read_only: self.read_only.unwrap_or(!writable),
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            target: self.target.clone(),
            kind: self.into_kind(),
        })
    }

    fn check(&self, span: Span) -> Result<(), ParseError> {
        let kind = self.kind.name();
        let fail = |message: String| Err(ParseError::new(span, message));
        let owned = matches!(self.kind, Kind::Cache | Kind::Secret | Kind::Ssh);
        let owner = [("mode", self.mode), ("uid", self.uid), ("gid", self.gid)];
        if let Some((key, _)) = owner.iter().find(|(_, value)| value.is_some() && !owned) {
            return fail(format!("`{key}` is no option of a {kind} mount"));
        }
        if self.sharing.is_some() && self.kind != Kind::Cache {
            return fail(format!("`sharing` is no option of a {kind} mount"));
        }
        if self.env.is_some() && self.kind != Kind::Secret {
            return fail(format!("`env` is no option of a {kind} mount"));
        }
        if self.target.is_empty() && !matches!(self.kind, Kind::Secret | Kind::Ssh) {
            return fail(format!("a {kind} mount needs a `target`"));
        }
        if self.kind != Kind::Secret {
            return Ok(());
        }
        if self.from.is_some() {
            return fail("`from` is no option of a secret mount".to_owned());
        }
        if self.source.is_empty() && self.target.is_empty() && self.id.is_none() {
            return fail("a secret mount needs an `id` or a `target`".to_owned());
        }
        if !self.source.is_empty() && self.id.is_some() {
            return fail("a secret mount takes `id` or `source`, not both".to_owned());
        }
        Ok(())
    }

    fn into_kind(self) -> MountKind {
        match self.kind {
            Kind::Bind => MountKind::Bind { from: self.from, source: self.source },
            Kind::Cache => MountKind::Cache {
                id: self.id,
                from: self.from,
                source: self.source,
                sharing: self.sharing.unwrap_or_default(),
            },
            Kind::Tmpfs => MountKind::Tmpfs { size: self.size },
            Kind::Secret => {
                // `source` is an older name of `id`; without either, the target's last part is it.
                let last = self.target.rsplit('/').next().unwrap_or_default();
                let source = Some(self.source).filter(|source| !source.is_empty());
                let id = self.id.or(source).unwrap_or_else(|| last.to_owned());
                MountKind::Secret { id, env: self.env, required: self.required }
            }
            Kind::Ssh => {
                let source = Some(self.source).filter(|source| !source.is_empty());
                MountKind::Ssh { id: self.id.or(source), required: self.required }
            }
        }
    }
}

fn kind(option: &MountOption, text: &str) -> Result<Kind, ParseError> {
    Ok(match text.to_lowercase().as_str() {
        "bind" => Kind::Bind,
        "cache" => Kind::Cache,
        "tmpfs" => Kind::Tmpfs,
        "secret" => Kind::Secret,
        "ssh" => Kind::Ssh,
        _ => return Err(wrong_value(option, text).with_nearest(text, KINDS)),
    })
}

fn sharing(option: &MountOption, text: &str) -> Result<Sharing, ParseError> {
    Ok(match text.to_lowercase().as_str() {
        "shared" => Sharing::Shared,
        "private" => Sharing::Private,
        "locked" => Sharing::Locked,
        _ => {
            let known = ["shared", "private", "locked"];
            return Err(wrong_value(option, text).with_nearest(text, known));
        }
    })
}

/// Go's `strconv.ParseBool`; a key alone is true.
fn boolean(option: &MountOption, value: Option<&str>) -> Result<bool, ParseError> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(text) => Err(wrong_value(option, text)),
    }
}

fn number(option: &MountOption, text: &str, radix: u32) -> Result<u32, ParseError> {
    let digits = text.chars().all(|char| char.is_digit(radix));
    let number = u32::from_str_radix(text, radix).ok().filter(|_| digits);
    number.ok_or_else(|| wrong_value(option, text))
}

/// A number of bytes with a unit: `512m`, `1.5GiB`; units are powers of 1024.
fn size(text: &str) -> Option<u64> {
    let unit_at = text.find(|char: char| char != '.' && !char.is_ascii_digit());
    let (number, unit) = text.split_at(unit_at.unwrap_or(text.len()));
    let unit = unit.trim().to_lowercase();
    let unit = unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit);
    let power = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let factor = 1_u128 << (10 * power);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u128 = whole.parse::<u64>().ok()?.into();
    let fraction = fraction.get(..fraction.len().min(15))?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let below = u128::from(fraction.parse::<u64>().ok()?) * factor / scale;
    u64::try_from(whole * factor + below).ok()
}

fn wrong_value(option: &MountOption, text: &str) -> ParseError {
    ParseError::new(option.span, format!("`{text}` is no value of mount option `{}`", option.key))
}
