//! The search of everything that a step wrote.

use super::super::scan;
use super::fixtures::Fixture;
use crate::store::rooted::Root;
use std::fs;
use std::time::Instant;

#[test]
fn the_certificate_is_found_wherever_it_stands() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let length = 256 << 10;
    for (number, offset) in
        [0, 1, length - 500, length - 17, length, 3 * length - 5].into_iter().enumerate()
    {
        for (kind, form) in
            [fixture.certificate.pem(), fixture.certificate.der()].iter().enumerate()
        {
            let content = [&vec![b'x'; offset][..], form, &[b'x'; 100]].concat();
            fs::write(folder.path().join(format!("{number}-{kind}")), content).unwrap();
        }
    }
    fs::write(folder.path().join("none"), vec![b'M'; 3 * length]).unwrap();
    let root = Root::open(folder.path()).unwrap();
    let tree = scan::walk(&root).unwrap();
    assert_eq!(tree.files.len(), 13);
    let found = scan::suspects(&root, &tree.files, &fixture.certificate).unwrap();
    assert_eq!(found.len(), 12);
}

/// As many files and bytes as `apt-get install imagemagick` writes.
#[test]
#[ignore = "measures; writes 450 MB"]
fn searching_is_fast() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR").to_owned() + "/target").unwrap();
    let mut bytes: Vec<u8> = Vec::new();
    let mut state = 1_u32;
    while bytes.len() < 8 << 20 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push((state >> 24) as u8);
    }
    for number in 0..6400_usize {
        let directory = folder.path().join((number % 64).to_string());
        fs::create_dir_all(&directory).unwrap();
        let size = if number % 100 == 0 { 4 << 20 } else { 29_000 };
        fs::write(directory.join(number.to_string()), &bytes[..size]).unwrap();
    }
    let before = ticks();
    for _ in 0..5 {
        let started = Instant::now();
        let root = Root::open(folder.path()).unwrap();
        let tree = scan::walk(&root).unwrap();
        let walked = started.elapsed();
        let found = scan::suspects(&root, &tree.files, &fixture.certificate).unwrap();
        let total: u64 = tree.files.iter().map(|(_, metadata)| metadata.size).sum();
        println!(
            "{} files, {} MB: walk {walked:?}, all {:?}, {} found",
            tree.files.len(),
            total / 1_000_000,
            started.elapsed(),
            found.len()
        );
    }
    println!("{} ms of processor time a search", (ticks() - before) * 10 / 5);
}

/// Hundredths of a second that this process has had of the processors: proc(5).
fn ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}
