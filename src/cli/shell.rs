//! `rlock completions` and `rlock man`: both are made of the definitions of the arguments.

use super::args::{Arguments, CompletionsArguments, ManArguments};
use anyhow::Context as _;
use clap::CommandFactory as _;

/// The script for a shell.
pub(super) fn completions(arguments: &CompletionsArguments) -> anyhow::Result<String> {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "rlock", &mut script);
    String::from_utf8(script).context("the completions are not text")
}

/// Writes one page for the program and one for each command; answers what was written.
pub(super) fn man(arguments: &ManArguments) -> anyhow::Result<String> {
    let directory = &arguments.directory;
    let unwritable = || format!("cannot write manual pages into `{}`", directory.display());
    std::fs::create_dir_all(directory).with_context(unwritable)?;
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let mut written = Vec::new();
    pages(&root, directory, &mut written).with_context(unwritable)?;
    let mut lines: Vec<String> =
        written.iter().map(|name| directory.join(name).display().to_string()).collect();
    lines.push(String::new());
    Ok(lines.join("\n"))
}

fn pages(
    command: &clap::Command,
    directory: &std::path::Path,
    written: &mut Vec<String>,
) -> std::io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let page = clap_mangen::Man::new(command.clone());
    let mut text = Vec::new();
    page.render(&mut text)?;
    let file = format!("{name}.1");
    std::fs::write(directory.join(&file), text)?;
    written.push(file);
    command.get_subcommands().try_for_each(|command| pages(command, directory, written))
}
