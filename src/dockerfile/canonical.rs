//! An instruction as one text that does not change when only its layout does: what a lockfile
//! hashes.

use super::{
    Add, ArgPair, Command, Copy, Flag, FromInstruction, Heredoc, Instruction, InstructionKind,
    Pair, Run, Source, Test, Word,
};

impl Instruction {
    /// The canonical text: keyword in upper case, flags in written order, words one space apart,
    /// no comments, no continuations; heredoc bodies and terminators on lines of their own.
    ///
    /// Two instructions with one text are the same instruction. A text that is laid out over other
    /// lines, indented otherwise or has other comments between them stays the same; white space
    /// within a line of a shell command counts.
    pub fn normalized(&self) -> String {
        let mut writer = Writer::default();
        writer.kind(&self.kind);
        writer.finish(self.keyword.name(), &self.flags)
    }
}

impl FromInstruction {
    /// The canonical text, as [`Instruction::normalized`].
    pub fn normalized(&self) -> String {
        let mut writer = Writer::default();
        writer.word(&self.image);
        if let Some(name) = &self.name {
            writer.raw("AS");
            writer.raw(&name.text.to_lowercase());
        }
        writer.finish("FROM", &self.flags)
    }
}

/// The arguments as they grow.
#[derive(Default)]
struct Writer {
    text: String,
}

impl Writer {
    /// The whole instruction: keyword and flags, and the arguments behind them.
    fn finish(self, keyword: &str, flags: &[Flag]) -> String {
        let mut head = Self { text: keyword.to_owned() };
        for flag in flags {
            let value = flag.value.as_ref().map(|value| format!("={}", quoted(&value.text)));
            head.raw(&format!("--{}{}", quoted(&flag.name.text), value.unwrap_or_default()));
        }
        if self.text.starts_with(" --") {
            head.raw("--"); // else the arguments would read as flags
        }
        head.text + &self.text
    }

    fn kind(&mut self, kind: &InstructionKind) {
        match kind {
            InstructionKind::Add(Add { sources, destination, .. })
            | InstructionKind::Copy(Copy { sources, destination, .. }) => {
                self.sources(sources, destination);
            }
            InstructionKind::Arg(arg) => self.arguments(&arg.pairs),
            InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => {
                self.command(command);
            }
            InstructionKind::Env(env) => self.pairs(&env.pairs, env.legacy),
            InstructionKind::Expose(expose) => self.words(&expose.ports),
            InstructionKind::Healthcheck(healthcheck) => match &healthcheck.test {
                Test::None => self.raw("NONE"),
                Test::Command(command) => {
                    self.raw("CMD");
                    self.command(command);
                }
            },
            InstructionKind::Label(label) => self.pairs(&label.pairs, label.legacy),
            InstructionKind::Onbuild(onbuild) => self.raw(&onbuild.trigger.normalized()),
            InstructionKind::Run(Run { command, heredocs, .. }) => {
                self.command(command);
                for heredoc in heredocs {
                    self.heredoc(heredoc);
                }
            }
            InstructionKind::Shell(shell) => self.array(&shell.arguments),
            InstructionKind::Volume(volume) => self.array(&volume.paths),
            InstructionKind::Maintainer(word)
            | InstructionKind::Stopsignal(word)
            | InstructionKind::User(word)
            | InstructionKind::Workdir(word) => self.raw(&word.text),
        }
    }

    fn sources(&mut self, sources: &[Source], destination: &Word) {
        for source in sources {
            match source {
                Source::Path(word) => self.word(word),
                Source::Heredoc(heredoc) => {
                    let dash = if heredoc.strip_tabs { "-" } else { "" };
                    let quote = if heredoc.expand { "" } else { "'" };
                    self.raw(&format!("<<{dash}{quote}{}{quote}", heredoc.name));
                }
            }
        }
        self.word(destination);
        for source in sources {
            if let Source::Heredoc(heredoc) = source {
                self.heredoc(heredoc);
            }
        }
    }

    fn pairs(&mut self, pairs: &[Pair], legacy: bool) {
        for pair in pairs {
            let separator = if legacy { " " } else { "=" };
            self.raw(&format!("{}{separator}{}", pair.key.text, pair.value.text));
        }
    }

    fn arguments(&mut self, pairs: &[ArgPair]) {
        for pair in pairs {
            let value = pair.value.as_ref().map(|value| format!("={}", value.text));
            self.raw(&format!("{}{}", pair.name.text, value.unwrap_or_default()));
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Shell { folded, .. } => self.raw(folded),
            Command::Exec { arguments, .. } => self.array(arguments),
        }
    }

    fn array(&mut self, words: &[Word]) {
        let strings: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        self.raw(&serde_json::json!(strings).to_string());
    }

    fn words(&mut self, words: &[Word]) {
        for word in words {
            self.word(word);
        }
    }

    fn word(&mut self, word: &Word) {
        self.raw(&quoted(&word.text));
    }

    /// The body as the build sees it: without the tabs that do not count.
    fn heredoc(&mut self, heredoc: &Heredoc) {
        self.text.extend(["\n", &heredoc.contents(), &heredoc.name]);
    }

    fn raw(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.extend([" ", text]);
        }
    }
}

/// A word from a JSON array or a quoted flag may hold white space; then it is written as JSON.
fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains(|char: char| char.is_whitespace() || char == '"') {
        serde_json::json!(text).to_string()
    } else {
        text.to_owned()
    }
}
