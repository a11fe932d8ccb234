//! Tests of the values that the planner uses.

use super::super::expand::{ExpandError, Lookup, expand};
use super::super::*;
use std::time::Duration;

fn one(text: &str) -> InstructionKind {
    parse_instruction(text, '\\').unwrap().kind
}

fn run(text: &str) -> Run {
    match one(text) {
        InstructionKind::Run(run) => run,
        other => panic!("{other:?}"),
    }
}

fn mount(options: &str) -> Mount {
    let run = run(&format!("RUN --mount={options} x"));
    run.mounts[0].resolve(&|text| Ok(text.to_owned())).unwrap()
}

#[test]
fn a_run_executes_its_text_its_body_or_both() {
    let shell = |text: &str| Script::Shell(text.to_owned());
    assert_eq!(run("RUN a \\\n  b").script(), shell("a   b"));
    assert_eq!(run("RUN [\"a\", \"b c\"]").script(), Script::Exec(vec!["a".into(), "b c".into()]));
    assert_eq!(run("RUN <<-E\n\techo $x\nE").script(), shell("echo $x\n"));
    assert_eq!(run("RUN --network=none <<'E'\necho $x\nE").script(), shell("echo $x\n"));
    assert_eq!(run("RUN <<E sh\necho\nE").script(), shell("<<E sh\necho\nE"));
    assert_eq!(run("RUN cat <<-A <<B\n\ta\nA\nb\nB").script(), shell("cat <<-A <<B\n\ta\nA\nb\nB"));
    let file = Script::File { name: "E".into(), contents: "#!/bin/bash\nx\n".into() };
    assert_eq!(run("RUN <<-E\n#!/bin/bash\n\tx\n\tE").script(), file);
}

#[test]
fn mounts_have_defaults() {
    let bind = mount("target=/a");
    assert_eq!(bind.kind, MountKind::Bind { from: None, source: String::new() });
    assert!(bind.read_only);
    assert!(!mount("type=bind,target=/a,rw").read_only);
    assert!(!mount("type=bind,target=/a,ro=false").read_only);
    let cache = mount("type=Cache,dst=/c,mode=0750,uid=1");
    let sharing = Sharing::Shared;
    let kind = MountKind::Cache { id: None, from: None, source: String::new(), sharing };
    assert_eq!((cache.kind, cache.mode, cache.uid, cache.gid), (kind, Some(0o750), Some(1), None));
    assert!(!cache.read_only);
    assert!(mount("type=cache,target=/c,readonly").read_only);
    assert_eq!(mount("type=tmpfs,target=/t,size=1.5k").kind, MountKind::Tmpfs { size: Some(1536) });
    assert_eq!(mount("type=ssh").kind, MountKind::Ssh { id: None, required: false });
}

#[test]
fn secrets_have_an_id() {
    let secret = |options: &str| match mount(&format!("type=secret,{options}")).kind {
        MountKind::Secret { id, env, required } => (id, env, required),
        other => panic!("{other:?}"),
    };
    assert_eq!(secret("id=a"), ("a".into(), None, false));
    assert_eq!(secret("source=a,required"), ("a".into(), None, true));
    assert_eq!(secret("target=/run/x/token"), ("token".into(), None, false));
    assert_eq!(secret("id=a,env=TOKEN"), ("a".into(), Some("TOKEN".into()), false));
}

#[test]
fn mounts_are_csv() {
    let run = run(r#"RUN --mount="type=bind,\"source=a,b \"\"c\"\"\",target=/x" y"#);
    let mount = run.mounts[0].resolve(&|text| Ok(text.to_owned())).unwrap();
    assert_eq!(mount.kind, MountKind::Bind { from: None, source: "a,b \"c\"".into() });
    for wrong in [r#"\"a"#, r#"\"target=/x\"y"#, "", "target=/x,"] {
        parse_instruction(&format!("RUN --mount={wrong} x"), '\\').unwrap_err();
    }
}

#[test]
fn mounts_with_variables_are_checked_later() {
    let run = run("RUN --mount=type=$T,target=/x/$D,uid=$U y");
    let resolve = |kind: &'static str, uid: &'static str| {
        let variables = Lookup(move |name: &str| match name {
            "T" => Some(kind.to_owned()),
            "U" => Some(uid.to_owned()),
            _ => Some("d".to_owned()),
        });
        run.mounts[0].resolve(&|text| expand(text, &variables, '\\'))
    };
    assert_eq!(resolve("cache", "7").unwrap().target, "/x/d");
    let error = resolve("cache", "me").unwrap_err();
    assert_eq!(error.message, "`me` is no value of mount option `uid`");
    let error = resolve("cahce", "7").unwrap_err();
    assert_eq!(error.hint().unwrap(), "did you mean `cache`?");
    let error = run.mounts[0].resolve(&|_| Err(ExpandError::BadSubstitution)).unwrap_err();
    assert_eq!(error.message, "bad substitution");
}

#[test]
fn flags_become_fields() {
    let InstructionKind::Copy(copy) =
        one("COPY --from=x --chown=1:2 --chmod=755 --link --parents --exclude=a --exclude=b . /")
    else {
        panic!()
    };
    let text = |word: Option<Word>| word.unwrap().text;
    assert_eq!(text(copy.from), "x");
    assert_eq!(text(copy.chown), "1:2");
    assert_eq!(text(copy.chmod), "755");
    assert!(copy.link && copy.parents);
    assert_eq!(copy.exclude.len(), 2);
    let InstructionKind::Add(add) = one("ADD --keep-git-dir --checksum=c --unpack=false a b")
    else {
        panic!()
    };
    assert_eq!((add.keep_git_dir, add.unpack, add.link), (true, Some(false), false));
    assert_eq!(text(add.checksum), "c");
    let run = run("RUN --network=none --security=insecure --device=d x");
    assert_eq!((run.network, run.security), (Network::None, Security::Insecure));
    assert_eq!(run.devices[0].text, "d");
    let InstructionKind::Healthcheck(check) = one(
        "HEALTHCHECK --interval=1m --timeout=2s --start-period=0s --start-interval=1ms --retries=4 CMD x",
    ) else {
        panic!()
    };
    assert_eq!(check.interval, Some(Duration::from_mins(1)));
    assert_eq!(check.timeout, Some(Duration::from_secs(2)));
    assert_eq!(check.start_period, None);
    assert_eq!(check.start_interval, Some(Duration::from_millis(1)));
    assert_eq!(check.retries, Some(4));
}

#[test]
fn stages_are_found_by_name_and_number() {
    let file = parse(b"FROM a AS x\nFROM b AS Y\nFROM x AS x\nFROM y").unwrap();
    let index = |name: &str| file.stage(name).map(|(index, _)| index);
    assert_eq!(index("x"), Some(2));
    assert_eq!(index("X"), Some(2));
    assert_eq!(index("y"), Some(1));
    assert_eq!(index("3"), Some(3));
    assert_eq!(index("4"), None);
    assert_eq!(index("z"), None);
    assert_eq!(file.stage_before("x", 2), Some(0));
    assert_eq!(file.stage_before("x", 3), Some(2));
    assert_eq!(file.stage_before("x", 0), None);
    assert_eq!(file.stage_before("0", 3), None);
    assert_eq!(file.line(file.stages[2].from.span), 3);
    assert_eq!(file.first_line(file.stages[1].from.span), "FROM b AS Y");
}

#[test]
fn a_trigger_is_read_from_its_text() {
    let file = parse(b"FROM a\nONBUILD RUN --network=none <<E \\\n  sh\nx\nE\n").unwrap();
    let InstructionKind::Onbuild(onbuild) = &file.stages[0].instructions[0].kind else { panic!() };
    assert_eq!(onbuild.text, "RUN --network=none <<E   sh\nx\nE");
    let again = parse_instruction(&onbuild.text, '\\').unwrap();
    assert_eq!(again.normalized(), onbuild.trigger.normalized().replace("<<E sh", "<<E   sh"));
    for wrong in ["", "# x", "FROM a", "RUN a\nRUN b", "RUNN a"] {
        parse_instruction(wrong, '\\').unwrap_err();
    }
}

#[test]
fn only_layout_is_folded() {
    let same = |left: &str, right: &str| {
        let normalized = |text: &str| parse_instruction(text, '\\').unwrap().normalized();
        normalized(left) == normalized(right)
    };
    assert!(same("RUN a && b", "RUN a \\\n  && \\\n\t# why\n\n  b"));
    assert!(same("run 'a' b", "RUN 'a' \\\n b"));
    assert!(same("RUN a \"$x\" b", "RUN a \"$x\" \\\n    b"));
    assert!(same("RUN a\\\nb", "RUN ab"));
    assert!(same("RUN \"$(a b)\" c", "RUN \"$(a \\\n b)\" \\\n  c"));
    assert!(same("RUN x=\"${y##*-}\"; z", "RUN x=\"${y##*-}\"; \\\n  z"));
    assert!(same("RUN a $(b (c) $((1 + 2)) 'd') e", "RUN a $(b (c) $((1 + 2)) 'd') \\\n  e"));
    assert!(same("COPY --from=a b c", "copy --from=a \\\n b   c"));
    assert!(same("CMD [\"a\", \"b\"]", "CMD [ \"a\" ,\\\n \"b\" ]"));
    assert!(same("EXPOSE 1 2", "EXPOSE 1 \\\n  2"));
    for text in [
        "RUN echo 'a X b'",
        "RUN echo \"a X b\"",
        "RUN echo \"$(echo \"a X b\")\"",
        "RUN echo \"`echo \"a X b\"`\"",
        "RUN echo $'it\\'s a X b'",
        "RUN echo \"${x:-a X b}\"",
        "RUN echo ${x:-a X b}",
        "RUN echo \"$(case a in b) echo \"c X d\";; esac)\"",
        "RUN echo \"$(echo 'a X b')\"",
        "RUN echo `echo \\\"a` X b",
        "RUN echo a\\ X b",
        "RUN cat <<E 'x' # its X y\nE",
        "RUN echo a # it's \" X b \"",
        "ENV A a X b",
        "LABEL a=\"b X c\"",
        "WORKDIR a X b",
    ] {
        let plain = text.replacen(" X ", " ", 1);
        let laid_out = text.replacen(" X ", " \\\n   ", 1);
        assert!(!same(&plain, &laid_out), "{text}");
    }
}

#[test]
fn what_differs_has_another_canonical_text() {
    let texts = [
        "COPY a b c",
        "COPY [\"a b\", \"c\"]",
        "COPY \"a b\" c",
        "COPY --from=a b c",
        "COPY -- --from=a b c",
        "COPY --chown=\"a b\" c d",
        "COPY --chown=a b c d",
        "RUN a b",
        "RUN a  b",
        "RUN [\"a\", \"b\"]",
        "RUN <<E\na b\nE",
        "RUN <<'E'\na b\nE",
        "RUN <<E\na  b\nE",
        "COPY <<E /x\na\nE",
        "COPY <<'E' /x\na\nE",
        "COPY <<F /x\na\nF",
        "ENV a=b",
        "ENV a b",
        "HEALTHCHECK CMD a",
        "HEALTHCHECK --retries=1 CMD a",
        "HEALTHCHECK NONE",
    ];
    let mut seen: Vec<String> =
        texts.iter().map(|text| parse_instruction(text, '\\').unwrap().normalized()).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), texts.len());
}
