//! Keys of repositories of rpm packages.

use super::*;

const REPOSITORY: &str = "http://rpm.example/repo/";

fn repository() -> World {
    let mut world = World::new();
    let repomd = fixture("rpm/repomd.xml");
    let primary = fixture("rpm/primary.xml.gz");
    let files = crate::index::rpm::repomd(&repomd, None).unwrap().value.files;
    world.fetch(&format!("{REPOSITORY}repodata/repomd.xml"), &repomd);
    world.fetch(&format!("{REPOSITORY}repodata/repomd.xml.asc"), &fixture("rpm/repomd.xml.asc"));
    world.fetch(&format!("{REPOSITORY}{}", files["primary"].location), &primary);
    world
}

fn binding(keys: &[&str]) -> Binding {
    let place = "it.repo of el".to_owned();
    Binding { base: REPOSITORY.to_owned(), place, ..super::binding(keys) }
}

#[test]
fn only_the_keys_that_a_section_names_count_for_its_repository() {
    let mut world = repository();
    let by = |world: &World| {
        let verdicts = world.prove(None);
        let Verdict::Proven { by } = &verdicts[2] else { panic!("{verdicts:#?}") };
        by.clone()
    };
    assert!(by(&world).contains(", not bound: "), "{}", by(&world));
    world.bindings = vec![binding(&["ed25519.asc"])];
    assert!(by(&world).contains(", which it.repo of el names for it"), "{}", by(&world));
    world.bindings = vec![binding(&["rsa.asc"])];
    let problems = world.poisoned_all();
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].message.contains("does not count for this archive: see it.repo of el"));
    // Others may count that are not known.
    let keys = Counting::NotKnown("a reason".to_owned());
    world.bindings.push(Binding { keys, ..binding(&[]) });
    assert!(by(&world).contains(", not bound: a reason"), "{}", by(&world));
    // Nobody signs it: that is told, whatever is bound.
    world.lock.fetches.remove(1);
    let verdicts = world.prove(None);
    assert!(verdicts.iter().all(|it| matches!(it, Verdict::Unsigned { .. })), "{verdicts:#?}");
}
