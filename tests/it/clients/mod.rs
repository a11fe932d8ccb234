//! Real clients of package registries in real steps: what they fetch is locked, and a locked build
//! gives the same image when the servers have moved on, and when they are gone.

mod alpine;
mod apt;
mod case;
mod files;
mod git;
mod go;
mod java;
mod node;
mod python;
mod real;
mod rpm;
mod ruby;
mod rust;

pub(crate) use case::{Case, NEW, OLD, now};
pub(crate) use node::releases as npm_releases;
pub(crate) use python::releases;
