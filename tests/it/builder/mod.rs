//! The embedded builder, from the Dockerfile to the image that comes out.

mod built;
mod config;
mod copy;
mod copy_rules;
mod inside;
mod layers;
mod refused;
mod run;
mod stages;
mod variables;
