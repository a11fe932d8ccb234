//! What users write, what it means, and what they are told when it means nothing.

use super::*;
use crate::oci::Digest;
use clap::CommandFactory as _;
use std::path::Path;

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(std::iter::once("rlock").chain(line.split_whitespace()))
}

fn refusal(line: &str) -> String {
    let error = parse(line).expect_err(line);
    assert_eq!(error.exit_code(), 2, "{line}");
    error.to_string()
}

#[test]
fn the_definitions_are_consistent() {
    Arguments::command().debug_assert();
}

/// Help pages are files; `UPDATE=1` rewrites them.
#[test]
fn help_pages() {
    let mut root = Arguments::command().term_width(90);
    root.build();
    let mut pages = vec![("rlock".to_owned(), root.render_long_help().to_string())];
    for command in root.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let page = command.clone().term_width(90).render_long_help().to_string();
        pages.push((command.get_name().to_owned(), page));
        let name = command.get_name().to_owned();
        for command in command.get_subcommands_mut().filter(|it| it.get_name() != "help") {
            let page = command.clone().term_width(90).render_long_help().to_string();
            pages.push((format!("{name}-{}", command.get_name()), page));
        }
    }
    for (name, page) in pages {
        let page = page.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n";
        let path = format!("{}/fixtures/report/help/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
            std::fs::write(&path, &page).unwrap();
        }
        assert_eq!(page, std::fs::read_to_string(&path).unwrap(), "{name}");
        assert!(page.lines().all(|line| line.chars().count() <= 90), "{page}");
    }
}

#[test]
fn a_check_as_in_the_fixture() {
    let arguments = parse(
        "check fixtures/imagemagick --build-context debian:bookworm=oci-layout:///srv/base:v1 \
         --build-arg A=1=2 --build-arg B --target final --locked --format json \
         --output text=r.txt --no-normalize log --no-normalize all -j 1 --platform linux/arm64 -vv",
    )
    .unwrap();
    assert_eq!(arguments.global.verbose, 2);
    let Command::Check(check) = arguments.command else { panic!("not a check") };
    assert_eq!(check.input.dockerfile(), Path::new("fixtures/imagemagick/Dockerfile"));
    let [context] = &check.input.build_contexts[..] else { panic!("not one context") };
    assert_eq!(context.name, "debian:bookworm");
    let selector = LayoutSelector::Tag("v1".into());
    assert_eq!(context.source, ImageSource::OciLayout { path: "/srv/base".into(), selector });
    let environment = |name: &str| (name == "B").then(|| "from outside".to_owned());
    let resolved = check.input.resolved_build_arguments(&environment);
    assert_eq!(resolved["A"], "1=2");
    assert_eq!(resolved["B"], "from outside");
    assert!(!check.input.resolved_build_arguments(&|_| None).contains_key("B"));
    assert_eq!(check.locking.lock_mode(), LockMode::Locked);
    assert_eq!(check.locking.network_mode(), NetworkMode::Online);
    assert_eq!(check.report.format, Format::Json);
    assert_eq!(check.report.outputs[0].path, Path::new("r.txt"));
    assert_eq!(check.input.no_normalize, [RuleName::One("log".into()), RuleName::All]);
}

#[test]
fn defaults_are_what_docker_users_expect() {
    let Command::Check(check) = parse("check").unwrap().command else { panic!("not a check") };
    assert_eq!(check.input.dockerfile(), Path::new("Dockerfile"));
    assert_eq!(check.locking.lock_mode(), LockMode::Writable);
    assert_eq!(Severity::from(check.report.fail_on), Severity::Error);
    let Command::Check(check) = parse("check --frozen sub -f x.Dockerfile").unwrap().command else {
        panic!("not a check")
    };
    assert_eq!(check.input.dockerfile(), Path::new("x.Dockerfile"));
    assert_eq!(check.locking.lock_mode(), LockMode::Locked);
    assert_eq!(check.locking.network_mode(), NetworkMode::Offline);
}

#[test]
fn images_as_users_write_them() {
    let source = |text: &str| text.parse::<ImageArgument>().unwrap().source;
    let digest = Digest::of(b"");
    let oci = |path: &str, selector| ImageSource::OciLayout { path: path.into(), selector };
    let archive = |path: &str, tag: Option<&str>| ImageSource::DockerArchive {
        path: path.into(),
        tag: tag.map(str::to_owned),
    };
    for (text, expected) in [
        ("debian:12", ImageSource::Registry("debian:12".parse().unwrap())),
        ("localhost:5000/a/b", ImageSource::Registry("localhost:5000/a/b".parse().unwrap())),
        ("docker://debian", ImageSource::Registry("debian".parse().unwrap())),
        ("docker-image://debian", ImageSource::Registry("debian".parse().unwrap())),
        ("oci:a/b", oci("a/b", LayoutSelector::Any)),
        ("oci:a/b:x", oci("a/b", LayoutSelector::Tag("x".into()))),
        ("oci-layout:///a:x", oci("/a", LayoutSelector::Tag("x".into()))),
        ("docker-archive:i.tar", archive("i.tar", None)),
        ("docker-archive:i.tar:web:1", archive("i.tar", Some("web:1"))),
        ("dir:/mnt/a:b", ImageSource::Directory("/mnt/a:b".into())),
        ("./a", ImageSource::Path("./a".into())),
        ("/a:b", ImageSource::Path("/a:b".into())),
        ("..", ImageSource::Path("..".into())),
        ("old.tar", ImageSource::Path("old.tar".into())),
    ] {
        assert_eq!(source(text), expected, "{text}");
    }
    assert_eq!(
        source(&format!("oci-layout://a:x@{digest}")),
        oci("a", LayoutSelector::Digest(digest))
    );
}

#[test]
fn a_name_that_is_also_a_file_gets_a_hint() {
    let image: ImageArgument = "web".parse().unwrap();
    assert!(image.hint(&|_| true).unwrap().contains("`./web`"));
    assert_eq!(image.hint(&|_| false), None);
    assert_eq!("docker://web".parse::<ImageArgument>().unwrap().hint(&|_| true), None);
}

#[test]
fn a_context_replaces_the_image_that_it_names() {
    let context: BuildContext = "debian=./rootfs".parse().unwrap();
    assert_eq!(context.source, ImageSource::Directory("./rootfs".into()));
    assert!(context.replaces("debian") && context.replaces("docker.io/library/debian:latest"));
    assert!(!context.replaces("debian:12") && !context.replaces("Debian"));
    let stage: BuildContext = "Build_Stage=dir".parse().unwrap();
    assert!(stage.replaces("Build_Stage"));
}

#[test]
fn targets_of_a_build() {
    let target = |text: &str| text.parse::<ImageTarget>();
    let path = PathBuf::from("out");
    assert_eq!(
        target("oci:out:1.2").unwrap(),
        ImageTarget::OciLayout { path: path.clone(), tag: Some("1.2".into()) }
    );
    assert_eq!(
        target("docker-archive:out:web").unwrap(),
        ImageTarget::DockerArchive { path, tag: Some("web:latest".into()) }
    );
    for text in ["", "out", "oci:", "oci::x", "oci:a:", "docker-archive:o:Web", "docker-daemon:web"]
    {
        assert!(target(text).is_err(), "{text}");
    }
}

#[test]
fn what_means_nothing_is_refused_with_the_way_out() {
    for (line, expected) in [
        ("check -", "name a directory"),
        ("check https://git.example/x.git", "clone it"),
        ("check -f -", "no place for its lock"),
        ("check --build-arg =x", "expected NAME or NAME=VALUE"),
        ("check --build-context debian", "expected NAME=SOURCE"),
        ("check --build-context a=https://x.example", "remote context"),
        ("check --build-context a=oci-layout://", "the path is missing"),
        ("check --build-context a=oci-layout://x@sha256:1", "64 lower-case hexadecimal digits"),
        ("check --build-context a=docker-image://A", "not an image reference"),
        ("check --platform linux", "expected OS/ARCH"),
        ("check --output json", "expected FORMAT=FILE"),
        ("check --output xml=x", "`xml` is not a format"),
        ("check --jobs 0", "0"),
        ("check --no-normalize=", "`rlock explain` lists them"),
        ("check --insecure-registry http://a.example:5000", "without a scheme: `a.example:5000`"),
        ("diff a b --insecure-registry a.example/team", "expected HOST[:PORT]"),
        ("lock --allow-auth-host a.example", "expected REGISTRY=HOST"),
        ("lock --allow-auth-host a.example=", "expected HOST[:PORT]"),
        ("check --locke", "--locked"),
        ("chek", "check"),
        ("diff a", "<B>"),
        ("diff Abc b", "for a file or directory write"),
        ("diff docker-daemon:web b", "`docker save IMAGE -o image.tar`"),
        ("diff a b --path ../x", "without `.` and `..`"),
        ("verify --against dir:x", "use `rlock diff`"),
        ("build -o out", "expected oci:DIR[:TAG]"),
        ("schema build", "check, diff, lock, verify, store-status, proof"),
        ("store", "push"),
        ("store push locks", "it has no host: write HOST/NAME; for a directory write ./DIR"),
        ("store push team/locks", "it has no host"),
        ("store push reg.example/Locks", "not an image reference"),
        ("store gc --unused-for -1", "unexpected argument"),
        ("store gc --unused-for 1 --all-but-locks x", "cannot be used with"),
        ("store status --deep --offline", "cannot be used with"),
    ] {
        let message = refusal(line);
        assert!(message.contains(expected), "{line}:\n{message}");
    }
}

#[test]
fn a_repository_and_a_directory_are_told_apart() {
    let push = |line: &str| {
        let Command::Store(store) = parse(&format!("store push {line}")).unwrap().command else {
            panic!("not of the store")
        };
        let StoreCommand::Push(push) = store.command else { panic!("not a push") };
        (push.first, push.directory)
    };
    let remote = |text: &str| Some(Place::Remote(text.parse().unwrap()));
    assert_eq!(push(""), (None, None));
    assert_eq!(push("./web"), (Some(Place::Directory("./web".into())), None));
    assert_eq!(push("reg.example/a:b web"), (remote("reg.example/a:b"), Some("web".into())));
    let argument = |text: &str| text.parse::<RemoteArgument>().unwrap();
    let (plain, tagged) = (argument("reg.example:5000/a/b"), argument("reg.example:5000/a/b:c"));
    assert_eq!((plain.tag.as_deref(), tagged.tag.as_deref()), (None, Some("c")));
    assert_eq!(plain.repository, tagged.repository);
    assert_eq!(plain.named(), None);
    assert_eq!(tagged.named().unwrap().to_string(), "reg.example:5000/a/b:c");
    assert_eq!(argument("docker.io/library/a").repository.name(), "docker.io/library/a");
}

#[test]
fn registries_of_every_command_that_asks_them() {
    for command in ["check", "lock", "verify", "build", "diff a b"] {
        let line = format!(
            "{command} --insecure-registry a.example --insecure-registry [::1]:5000 \
             --allow-auth-host a.example:5000=auth.example:8443"
        );
        let registries = match parse(&line).unwrap().command {
            Command::Check(CheckArguments { input, .. })
            | Command::Lock(LockArguments { input, .. })
            | Command::Verify(VerifyArguments { input, .. })
            | Command::Build(BuildArguments { input, .. }) => input.registries,
            Command::Diff(diff) => diff.registries,
            other => panic!("{other:?}"),
        };
        let host = |text: &str| RegistryHost(text.to_owned());
        assert_eq!(registries.insecure_registries, [host("a.example"), host("[::1]:5000")]);
        let pair = AuthHost { registry: host("a.example:5000"), server: host("auth.example:8443") };
        assert_eq!(registries.allow_auth_hosts, [pair]);
    }
}

#[test]
fn sizes_are_dockers() {
    for (text, bytes) in
        [("0", 0), ("7", 7), ("7b", 7), ("2k", 2048), ("3MB", 3 << 20), ("1g", 1 << 30)]
    {
        assert_eq!(text.parse::<Size>().unwrap().0, bytes, "{text}");
    }
    for text in ["", "m", "-1", "1.5g", "1t", "99999999999g"] {
        assert!(text.parse::<Size>().is_err(), "{text}");
    }
}
