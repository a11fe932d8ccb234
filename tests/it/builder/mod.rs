//! The embedded builder, from the Dockerfile to the image that comes out.

mod add;
mod built;
mod config;
mod copy;
mod copy_rules;
mod inside;
mod layers;
mod mounts;
mod refused;
mod run;
mod secrets;
mod site;
mod stages;
mod variables;
