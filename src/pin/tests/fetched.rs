//! What passed through the Door, in the lock and out of it again.

use super::*;
use crate::door::{Content, Head, Key, Origin, Refusal, RefusalReason, Traffic, Use};
use proptest::prelude::*;

fn exchange(url: &str, content: &str) -> Exchange {
    Exchange {
        key: Key { method: "GET".into(), url: url.into(), variant: None, body: None },
        head: Head { status: 200, modified: Some(1_767_225_600), ..Head::default() },
        content: Content { digest: Digest::of(content.as_bytes()), size: content.len() as u64 },
    }
}

fn plain(url: &str, content: &str) -> PinnedExchange {
    PinnedExchange { exchange: exchange(url, content), package: None }
}

/// A package file of `package`'s version 1.
fn file(url: &str, name: &str, architecture: &str) -> PinnedExchange {
    let (kind, version) = ("deb", "1".to_owned());
    let (name, architecture) = (name.to_owned(), architecture.to_owned());
    let package = PackageFile { kind, name, architecture, version, source: None };
    PinnedExchange { package: Some(package), ..plain(url, url) }
}

/// `url of step`, with what tells it from a plain file of its size.
fn fetches(lockfile: &Lockfile) -> Vec<String> {
    lockfile.fetches.iter().map(|fetch| format!("{} of {}", fetch.url, fetch.step)).collect()
}

/// Packages that have a file.
fn files(lockfile: &Lockfile) -> Vec<String> {
    let files = lockfile.packages.iter().filter_map(|package| {
        Some(format!("{} {} of {}", package.name, package.url.as_ref()?, package.step))
    });
    files.collect()
}

fn reads_back(lockfile: &Lockfile) {
    assert_eq!(Lockfile::parse(&lockfile.write()).unwrap(), *lockfile);
}

/// `install curl`, with all that apt fetches for it.
fn with_curl() -> PinInput {
    let mut input = build(&[("1", "install curl"), ("2", "x")]);
    let curl = file("http://deb.example/pool/curl_1_amd64.deb", "curl", "amd64");
    let libcurl = file("http://deb.example/pool/libcurl_1_amd64.deb", "libcurl", "amd64");
    input.steps[0].exchanges =
        vec![plain("http://deb.example/InRelease", "release"), curl, libcurl];
    input
}

#[test]
fn installed_packages_have_their_files_and_no_fetch() {
    let mut input = with_curl();
    let head = &mut input.steps[0].exchanges[1].exchange.head;
    (head.media_type, head.etag) = (Some("application/x-deb".into()), Some("\"1\"".into()));
    let lockfile = lockfile(&input, None);
    assert_eq!(fetches(&lockfile), ["http://deb.example/InRelease of 1"]);
    let expected = [
        "curl http://deb.example/pool/curl_1_amd64.deb of 1",
        "libcurl http://deb.example/pool/libcurl_1_amd64.deb of 1",
    ];
    assert_eq!(files(&lockfile), expected);
    assert_eq!(lockfile.packages[0].modified, Some(1_767_225_600));
    reads_back(&lockfile);
    assert_eq!(exchanges(&lockfile).len(), 3);
}

/// What makes a package file something else.
type Change = fn(&mut PinnedExchange);

fn named(file: &mut PinnedExchange, change: fn(&mut PackageFile)) {
    change(file.package.as_mut().unwrap());
}

#[test]
fn only_what_was_installed_of_that_very_package_is_one() {
    let cases: [(&str, Change); 9] = [
        ("another version", |file| named(file, |package| package.version = "2".into())),
        ("another architecture", |file| named(file, |it| it.architecture = "i386".into())),
        ("downloaded only", |file| named(file, |package| package.name = "vim".into())),
        ("another status", |file| file.exchange.head.status = 203),
        ("a redirect", |file| file.exchange.head.location = Some("/x".into())),
        ("one of several", |file| file.exchange.key.variant = Some("json".into())),
        ("asked with a body", |file| file.exchange.key.body = Some(Digest::of(b""))),
        ("another method", |file| file.exchange.key.method = "POST".into()),
        ("with a name from the server", |file| {
            let named = ("content-disposition".into(), "attachment; filename=x.deb".into());
            file.exchange.head.others = [named].into();
        }),
    ];
    for (case, change) in cases {
        let mut input = with_curl();
        change(&mut input.steps[0].exchanges[1]);
        let asked = input.steps[0].exchanges[1].exchange.clone();
        let lockfile = lockfile(&input, None);
        assert_eq!(files(&lockfile).len(), 1, "{case}");
        assert_eq!(fetches(&lockfile).len(), 2, "{case}");
        reads_back(&lockfile);
        assert!(exchanges(&lockfile).contains(&asked), "{case}");
    }
}

#[test]
fn a_package_that_was_there_before_is_no_package_of_the_step() {
    let mut input = build(&[("1", "install curl"), ("2", "reinstall curl")]);
    let curl = file("http://deb.example/curl.deb", "curl", "amd64");
    input.steps[1].exchanges = vec![curl];
    let lockfile = lockfile(&input, None);
    assert_eq!(fetches(&lockfile), ["http://deb.example/curl.deb of 2"]);
    assert_eq!(files(&lockfile), [""; 0], "it came with the context");
}

#[test]
fn several_architectures_have_a_file_each() {
    let mut input = with_curl();
    let foreign = Package { architecture: "i386".into(), ..package("curl", "1") };
    input.steps[0].packages_after.push(foreign);
    input.steps[0].exchanges.push(file("http://deb.example/curl_1_i386.deb", "curl", "i386"));
    let lockfile = lockfile(&input, None);
    assert_eq!(files(&lockfile).len(), 3);
    assert_eq!(lockfile.packages[1].url.as_deref(), Some("http://deb.example/curl_1_i386.deb"));
    reads_back(&lockfile);
}

#[test]
fn of_several_places_the_first_is_taken_and_of_several_files_none() {
    let mut input = with_curl();
    let mut mirror = input.steps[0].exchanges[1].clone();
    mirror.exchange.key.url = "http://a.example/curl.deb".into();
    input.steps[0].exchanges.push(mirror);
    let pinned = lockfile(&input, None);
    assert_eq!(pinned.packages[0].url.as_deref(), Some("http://a.example/curl.deb"));
    assert_eq!(fetches(&pinned).len(), 2, "the other place, and InRelease");
    reads_back(&pinned);

    input.steps[0].exchanges[3].exchange.content.digest = Digest::of(b"rebuilt");
    let pinned = lockfile(&input, None);
    assert_eq!((files(&pinned).len(), fetches(&pinned).len()), (1, 3));
    assert_eq!(exchanges(&pinned).len(), 4);
}

#[test]
fn each_step_has_its_own_pins_and_the_door_one_answer() {
    let mut input = build(&[("x/1", "install curl"), ("y/1", "install curl"), ("y/2", "look")]);
    let curl = file("http://deb.example/curl.deb", "curl", "amd64");
    for step in &mut input.steps {
        step.exchanges = vec![plain("http://deb.example/InRelease", "release"), curl.clone()];
    }
    let lockfile = lockfile(&input, None);
    let url = "http://deb.example/curl.deb";
    assert_eq!(files(&lockfile), [format!("curl {url} of x/1"), format!("curl {url} of y/1")]);
    assert_eq!(fetches(&lockfile)[3], format!("{url} of y/2"));
    reads_back(&lockfile);
    assert_eq!(exchanges(&lockfile).len(), 2);
}

#[test]
fn what_triggers_of_the_base_fetch_belongs_to_its_from() {
    let mut input = build(&[("1", "x")]);
    input.stages[0].exchanges = vec![plain("http://deb.example/trigger", "x")];
    let lockfile = lockfile(&input, None);
    assert_eq!(fetches(&lockfile), ["http://deb.example/trigger of 0"]);
    reads_back(&lockfile);
}

#[test]
fn rules_are_not_locked() {
    let used = |url: &str, origin| Use { exchange: exchange(url, "x"), origin };
    let traffic = Traffic {
        uses: vec![
            used("http://a.example/", Origin::Fetched),
            used("http://b.example/", Origin::Rule("npm-audit")),
            used("http://c.example/", Origin::Locked),
            used("http://d.example/", Origin::Frozen),
        ],
        refusals: vec![Refusal { target: "x:1".into(), reason: RefusalReason::NotHttp }],
    };
    let urls: Vec<&str> = recorded(&traffic).map(|exchange| &*exchange.key.url).collect();
    assert_eq!(urls, ["http://a.example/", "http://c.example/", "http://d.example/"]);
}

#[test]
fn an_added_line_adds_fetches_and_changes_none() {
    let old = lockfile(&with_curl(), None);
    let mut after = with_curl();
    let mut new_step = build(&[("2", "install vim")]).steps.remove(0);
    new_step.exchanges = vec![
        plain("http://deb.example/InRelease", "release"),
        file("http://deb.example/vim.deb", "vim", "amd64"),
    ];
    after.steps[1].id = "3".to_owned();
    after.steps.insert(1, new_step);
    let new = lockfile(&after, Some(&old));
    let (added, removed) = changed_blocks(&old, &new);
    assert_eq!(removed, Vec::<String>::new());
    let heads: Vec<&str> = added.iter().map(|block| block.lines().next().unwrap()).collect();
    let expected = ["[[fetch]]", "[[normalize]]", "[[package]]", "[[package]]", "[[step]]"];
    assert_eq!(heads, expected, "{added:#?}");
    reads_back(&new);
}

/// A step that asks otherwise today: it has all that it had, and what is new.
#[test]
fn steps_that_did_not_change_keep_what_they_fetched() {
    let old = lockfile(&with_curl(), None);
    for below_a_new_line in [false, true] {
        let mut after = with_curl();
        if below_a_new_line {
            let mut new_step = build(&[("1", "new")]).steps.remove(0);
            new_step.packages_after.clone_from(&new_step.packages_before);
            after.steps.insert(0, new_step);
        }
        let curl = after.steps.iter_mut().find(|step| !step.exchanges.is_empty()).unwrap();
        curl.exchanges[0] = plain("http://deb.example/news", "news");
        let new = lockfile(&after, Some(&old));
        let (added, removed) = changed_blocks(&old, &new);
        assert_eq!(removed, Vec::<String>::new());
        assert_eq!(added.iter().filter(|block| block.starts_with("[[fetch]]")).count(), 1);
        let expected = ["http://deb.example/InRelease of 1", "http://deb.example/news of 1"];
        assert_eq!(fetches(&new), expected);
        reads_back(&new);
    }
}

#[test]
fn what_depends_on_the_context_has_what_it_uses_today() {
    let mut input = with_curl();
    input.steps[0].closed = false;
    let old = lockfile(&input, None);
    input.steps[0].exchanges[0] = plain("http://pypi.example/flask-2", "flask");
    input.steps[0].packages_after.push(package("new", "1"));
    let new = lockfile(&input, Some(&old));
    assert_eq!(fetches(&new), ["http://pypi.example/flask-2 of 1"]);
    assert!(pins(&new).contains(&"new of 1".to_owned()), "{:?}", pins(&new));
}

#[test]
fn what_a_stale_step_fetched_goes() {
    let old = lockfile(&with_curl(), None);
    let mut changed = with_curl();
    changed.steps[0].input = Digest::of(b"changed");
    changed.steps[0].exchanges[0] = plain("http://deb.example/other", "other");
    let new = lockfile(&changed, Some(&old));
    assert_eq!(fetches(&new), ["http://deb.example/other of 1"]);

    let mut based = with_curl();
    based.stages[0].base = "scratch".to_owned();
    based.steps[0].exchanges.remove(0);
    assert_eq!(fetches(&lockfile(&based, Some(&old))), [""; 0], "on another base");
}

/// The Door gives what the lock has; should it not, the lock stays one that can be read.
#[test]
fn a_question_has_one_answer_in_all_of_the_lock() {
    let old = lockfile(&with_curl(), None);
    let mut after = with_curl();
    let mut step = build(&[("3", "again")]).steps.remove(0);
    step.exchanges = vec![
        plain("http://deb.example/InRelease", "moved on"),
        plain("http://deb.example/pool/curl_1_amd64.deb", "rebuilt"),
    ];
    after.steps.push(step);
    let new = lockfile(&after, Some(&old));
    reads_back(&new);
    assert_eq!(fetches(&new).len(), 3);
    assert_eq!(exchanges(&new), exchanges(&old));
}

#[test]
fn other_targets_keep_what_they_fetched() {
    let mut whole = build(&[("x/1", "install curl"), ("y/1", "look")]);
    whole.steps[0].exchanges = with_curl().steps[0].exchanges.clone();
    whole.steps[1].exchanges = vec![plain("http://y.example/", "y")];
    let old = lockfile(&whole, None);
    let mut part = whole.clone();
    part.steps.remove(0);
    part.stages.remove(0);
    part.elsewhere.stages.insert("x".to_owned());
    part.result = None;
    assert_eq!(lockfile(&part, Some(&old)), old);
}

#[test]
fn odd_heads_become_a_lockfile_that_reads_back() {
    let mut input = with_curl();
    let head = &mut input.steps[0].exchanges[0].exchange.head;
    *head = Head {
        status: 302,
        media_type: Some(String::new()),
        modified: Some(i64::MAX),
        etag: Some("\u{1b}[2J".to_owned()),
        location: Some(" /über uns\n".to_owned()),
        others: [("link".to_owned(), "é".to_owned()), ("x".to_owned(), " y\t".to_owned())].into(),
    };
    let lockfile = lockfile(&input, None);
    reads_back(&lockfile);
    let fetch = &lockfile.fetches[0];
    assert_eq!((&fetch.media_type, fetch.modified, &fetch.etag), (&None, None, &None));
    assert_eq!(fetch.location.as_deref(), Some("/%C3%BCber%20uns"));
    assert_eq!(fetch.headers, [("x".to_owned(), "y".to_owned())].into());
}

/// Few URLs and names, so that steps share them and packages are found.
fn any_exchange() -> impl Strategy<Value = PinnedExchange> {
    let key = (prop::sample::select(vec!["GET", "GET", "GET", "POST"]), 0..12_u8, 0..6_u8);
    let head = (
        prop::sample::select(vec![200_u16, 200, 200, 302, 404]),
        prop::option::of("[a-z]{1,9}/[a-z]{1,9}"),
        prop::option::of(crate::lock::MODIFIED),
        prop::option::of("\"[!#-~]{0,9}\""),
    );
    let others = prop::collection::btree_map("x-[a-z]{1,3}", "[!-~]{1,5}", 0..2);
    let package = prop::option::of((0..4_u8, prop::sample::select(vec!["amd64", "i386"])));
    (key, head, others, package, any::<u8>()).prop_map(|(key, head, others, package, content)| {
        let (method, path, variant) = key;
        let mut exchange = exchange(&format!("http://deb.example/{path}"), &content.to_string());
        exchange.key.method = method.to_owned();
        exchange.key.variant = (variant == 0).then(|| "json".to_owned());
        let (status, media_type, modified, etag) = head;
        let location = (status == 302).then(|| "/elsewhere".to_owned());
        let others = if content % 4 == 0 { others } else { BTreeMap::new() };
        exchange.head = Head { status, media_type, modified, etag, location, others };
        let package = package.map(|(name, architecture)| PackageFile {
            kind: "deb",
            name: format!("package{name}"),
            architecture: architecture.to_owned(),
            version: "1".to_owned(),
            source: None,
        });
        PinnedExchange { exchange, package }
    })
}

proptest! {
    /// Whatever a build used, the lock gives back; of a package without what nobody asks for.
    #[test]
    fn a_lock_covers_the_build_that_it_was_made_of(
        steps in prop::collection::vec(prop::collection::vec(any_exchange(), 0..8), 1..4),
        installs in prop::collection::vec(0..5_u8, 4),
    ) {
        let scripts: Vec<(String, String)> = steps
            .iter()
            .enumerate()
            .map(|(at, _)| (format!("{}", at + 1), format!("install package{}", installs[at])))
            .collect();
        let scripts: Vec<(&str, &str)> = scripts.iter().map(|(id, text)| (&**id, &**text)).collect();
        let mut input = build(&scripts);
        // One build sees one world.
        let mut world: BTreeMap<Key, PinnedExchange> = BTreeMap::new();
        for (step, used) in input.steps.iter_mut().zip(steps) {
            let same = |used: PinnedExchange| {
                world.entry(used.exchange.key.clone()).or_insert(used).clone()
            };
            step.exchanges = used.into_iter().map(same).collect();
        }
        let lockfile = lockfile(&input, None);
        let text = lockfile.write();
        prop_assert_eq!(&Lockfile::parse(&text).unwrap(), &lockfile);
        let given: BTreeMap<Key, Exchange> =
            exchanges(&lockfile).into_iter().map(|given| (given.key.clone(), given)).collect();
        prop_assert!(given.keys().eq(world.keys()), "neither more nor less");
        for (key, used) in &world {
            let (given, mut used) = (&given[key], used.exchange.clone());
            let of_key = |fetch: &LockedFetch| {
                let key = (&*key.url, Some(&*key.method), key.variant.as_deref(), key.body);
                let (url, method, variant, request) = fetch.question();
                (url, method.or(Some("GET")), variant, request) == key
            };
            if !lockfile.fetches.iter().any(of_key) {
                (used.head.media_type, used.head.etag) = (None, None);
            }
            prop_assert_eq!(given, &used);
        }
        // Once more from what the lock gives: nothing moves.
        for step in &mut input.steps {
            for used in &mut step.exchanges {
                used.exchange.clone_from(&given[&used.exchange.key]);
            }
        }
        prop_assert_eq!(super::super::lockfile(&input, Some(&lockfile)).write(), text);
    }
}
