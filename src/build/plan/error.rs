//! Dockerfiles that cannot be built, found before anything is.

use crate::dockerfile::ParseError;
use crate::dockerfile::expand::ExpandError;
use crate::text::Span;

/// Why a Dockerfile gives no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Something in the Dockerfile.
    #[error(transparent)]
    At(#[from] ParseError),
    /// `--target` names no stage.
    #[error("there is no stage `{name}` in the Dockerfile")]
    NoStage {
        /// The wanted stage.
        name: String,
        /// The named stages that there are.
        known: Vec<String>,
    },
}

impl PlanError {
    /// The way out, where there is one to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::At(error) => error.hint.clone(),
            Self::NoStage { known, .. } if known.is_empty() => {
                Some("no stage has a name: leave --target out, or write FROM … AS NAME".to_owned())
            }
            Self::NoStage { known, .. } => Some(format!("the stages are {}", known.join(", "))),
        }
    }

    /// The same error, of a trigger of the base image at `from`: places in the trigger's own text mean
    /// nothing in the Dockerfile.
    pub(super) fn of_trigger(self, trigger: &str, from: Span) -> Self {
        match self {
            Self::At(ParseError { message, hint, .. }) => {
                at(from, format!("the base image's ONBUILD trigger `{trigger}`: {message}"), hint)
            }
            other @ Self::NoStage { .. } => other,
        }
    }
}

/// An error at a place.
pub(super) fn at(span: Span, message: String, hint: Option<String>) -> PlanError {
    PlanError::At(ParseError { span, message, label: None, hint })
}

/// A word that cannot be expanded.
pub(super) fn expansion(span: Span, error: &ExpandError) -> ParseError {
    ParseError { span, message: error.to_string(), label: None, hint: error.hint() }
}
