//! `COPY` and `ADD` with their words expanded, and everything that can be known to be wrong about them.

use super::remote::{self, Remote, RemoteError};
use super::state::{State, destination};
use super::{Base, Chmod, CopyAction, CopySource, PlanError, UrlSource, at, expansion};
use crate::dockerfile::expand::{Expander, Lookup};
use crate::dockerfile::ignore::{Ignore, IgnoreError};
use crate::dockerfile::{Add, Copy, Source, Word, pattern};

/// How a name that looks like a pattern is written.
const PATTERN_HINT: &str =
    "write a backslash before a `*`, `?`, `[` or `\\` that is part of a name";

/// The words of an instruction, expanded with a state.
pub(super) struct Words<'a> {
    pub(super) expander: &'a Expander,
    pub(super) state: &'a State,
}

/// A file in the Dockerfile itself: name and content.
type Inline = (String, String);

impl Words<'_> {
    pub(super) fn copy(&self, copy: &Copy, from: Option<Base>) -> Result<CopyAction, PlanError> {
        let (sources, inline) = self.sources(&copy.sources)?;
        let path = |(path, word): (String, &Word)| match remote::classify(&path) {
            Some(Ok(_)) => {
                let hint = "ADD takes URLs and git repositories".to_owned();
                Err(at(word.span, "COPY takes only files".to_owned(), Some(hint)))
            }
            _ if copy.parents => parents_pattern(path, word),
            _ => local(path, word),
        };
        Ok(CopyAction {
            from,
            sources: sources.into_iter().map(path).collect::<Result<_, _>>()?,
            inline,
            destination: destination(&self.state.directory(), &self.word(&copy.destination)?),
            chown: self.optional(copy.chown.as_ref())?,
            chmod: self.mode(copy.chmod.as_ref())?,
            exclude: self.exclude(&copy.exclude)?,
            parents: copy.parents,
            extract: false,
        })
    }

    pub(super) fn add(&self, add: &Add) -> Result<CopyAction, PlanError> {
        let (sources, inline) = self.sources(&add.sources)?;
        let checksum = match &add.checksum {
            Some(word) => Some((self.word(word)?, word)),
            None => None,
        };
        if let Some((_, word)) = &checksum
            && sources.len() + inline.len() != 1
        {
            let message = "`--checksum` is for one source".to_owned();
            return Err(at(word.span, message, Some("use an ADD for each source".to_owned())));
        }
        let source = |(path, word)| source_of(add, path, word, checksum.as_ref());
        Ok(CopyAction {
            from: None,
            sources: sources.into_iter().map(source).collect::<Result<_, _>>()?,
            inline,
            destination: destination(&self.state.directory(), &self.word(&add.destination)?),
            chown: self.optional(add.chown.as_ref())?,
            chmod: self.mode(add.chmod.as_ref())?,
            exclude: self.exclude(&add.exclude)?,
            parents: false,
            extract: add.unpack.unwrap_or(true),
        })
    }

    #[expect(clippy::type_complexity, reason = "two lists that are made in one pass")]
    fn sources<'s>(
        &self,
        sources: &'s [Source],
    ) -> Result<(Vec<(String, &'s Word)>, Vec<Inline>), PlanError> {
        let (mut paths, mut inline) = (Vec::new(), Vec::new());
        for source in sources {
            match source {
                Source::Path(word) => paths.push((self.word(word)?, word)),
                Source::Heredoc(heredoc) => {
                    let text = heredoc.contents();
                    let lookup = Lookup(|name: &str| self.state.variable(name));
                    let text = if heredoc.expand {
                        let expanded = self.expander.heredoc(&text, &lookup);
                        expanded.map_err(|error| expansion(heredoc.body_span, &error))?
                    } else {
                        text.into_owned()
                    };
                    inline.push((heredoc.name.clone(), text));
                }
            }
        }
        Ok((paths, inline))
    }

    fn exclude(&self, words: &[Word]) -> Result<Vec<String>, PlanError> {
        let mut patterns = Vec::new();
        for word in words {
            let pattern = self.word(word)?;
            check_ignore(std::slice::from_ref(&pattern), word)?;
            patterns.push(pattern);
        }
        Ok(patterns)
    }

    fn mode(&self, word: Option<&Word>) -> Result<Option<Chmod>, PlanError> {
        let Some(word) = word else { return Ok(None) };
        let mode = Chmod::parse(&self.word(word)?);
        mode.map(Some).map_err(|error| at(word.span, error.to_string(), error.hint()))
    }

    fn optional(&self, word: Option<&Word>) -> Result<Option<String>, PlanError> {
        word.map(|word| self.word(word)).transpose()
    }

    pub(super) fn word(&self, word: &Word) -> Result<String, PlanError> {
        let lookup = Lookup(|name: &str| self.state.variable(name));
        let expanded = self.expander.word(&word.text, &lookup);
        Ok(expanded.map_err(|error| expansion(word.span, &error))?)
    }
}

/// One source of an `ADD`.
fn source_of(
    add: &Add,
    path: String,
    word: &Word,
    checksum: Option<&(String, &Word)>,
) -> Result<CopySource, PlanError> {
    let of = |error: RemoteError| at(word.span, error.message, error.hint);
    match remote::classify(&path).transpose().map_err(of)? {
        None => match checksum {
            None => local(path, word),
            Some((_, word)) => {
                Err(at(word.span, "`--checksum` is for URLs and git repositories".to_owned(), None))
            }
        },
        Some(Remote::Url(url)) => {
            let digest = |(text, word): &(String, &Word)| {
                text.parse().map_err(|error| at(word.span, format!("{error}"), None))
            };
            Ok(CopySource::Url(UrlSource {
                name: remote::file_name(&url),
                url,
                checksum: checksum.map(digest).transpose()?,
                unpack: add.unpack.unwrap_or(false),
            }))
        }
        Some(Remote::Git(mut source, keep)) => {
            if add.keep_git_dir && keep == Some(false) {
                let message = "`--keep-git-dir` and the URL contradict each other".to_owned();
                return Err(at(word.span, message, None));
            }
            source.keep_git_dir |= add.keep_git_dir;
            if let Some((text, word)) = checksum {
                let fit = remote::join_checksum(&mut source, text);
                fit.map_err(|error| at(word.span, error.message, error.hint))?;
            }
            Ok(CopySource::Git(source))
        }
    }
}

/// A path or a pattern, where it is one.
fn local(path: String, word: &Word) -> Result<CopySource, PlanError> {
    match pattern::validate(&path) {
        // Without these nothing is matched, and a backslash is one in a name.
        Err(error) if path.contains(['*', '?', '[']) => {
            Err(at(word.span, error.to_string(), Some(PATTERN_HINT.to_owned())))
        }
        _ => Ok(CopySource::Path(path)),
    }
}

/// The same with `--parents`, whose pattern is of the kind that `.dockerignore` has.
fn parents_pattern(path: String, word: &Word) -> Result<CopySource, PlanError> {
    let wanted = path.split_once("/./").map_or(path.as_str(), |(_, wanted)| wanted);
    check_ignore(&["**".to_owned(), format!("!{wanted}")], word)?;
    Ok(CopySource::Path(path))
}

fn check_ignore(patterns: &[String], word: &Word) -> Result<(), PlanError> {
    let problem = |error: IgnoreError| at(word.span, error.kind.to_string(), error.hint());
    Ignore::from_patterns(patterns).map(drop).map_err(problem)
}
