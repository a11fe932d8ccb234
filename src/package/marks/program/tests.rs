//! Programs that compilers and linkers of this machine made.

use super::super::tests::{found, made};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// The list of modules as the linker of Go writes it.
const MODULES: &str = "path\texample.test/tool\nmod\texample.test/tool\t(devel)\t\n\
    dep\texample.test/a\tv1.0.0\th1:x=\ndep\texample.test/b\tv2.0.0\th1:y=\n=>\texample.test/fork\tv2.1.0\th1:z=\n\
    dep\texample.test/local\tv1.0.0\n=>\t./local\t(devel)\t\nbuild\t-compiler=gc\n";

/// Compiles a C file that does nothing but has these lines of assembler.
fn compiled(assembler: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a.s"), assembler).unwrap();
    std::fs::write(path("a.c"), "int main(void) { return 0; }").unwrap();
    let mut command = Command::new("gcc");
    command.args(arguments).arg("-o").arg(path("a")).args([path("a.s"), path("a.c")]);
    assert!(command.status().unwrap().success(), "gcc failed");
    std::fs::read(path("a")).unwrap()
}

fn list(program: &[u8]) -> (Vec<String>, Vec<String>) {
    found(&made(&[("usr/bin/tool", program)]))
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "\\{byte:03o}").unwrap();
    }
    text
}

fn modules() -> Vec<u8> {
    [&[0x30; 16][..], MODULES.as_bytes(), &[0x31; 16]].concat()
}

const EXPECTED: [&str; 3] =
    ["golang:example.test/a v1.0.0", "golang:example.test/fork v2.1.0", "golang:stdlib 1.17.2"];

/// As before Go 1.18: the section has addresses of strings.
fn pointed() -> String {
    format!(
        ".section .go.buildinfo,\"aw\"\n.balign 16\n.ascii \"\\377 Go buildinf:\"\n.byte 8, 0\n\
         .quad version, modules\n.data\n.balign 8\nversion: .quad 1f, 8\nmodules: .quad 2f, {}\n\
         1: .ascii \"go1.17.2\"\n2: .ascii \"{}\"\n.section .note.GNU-stack,\"\",@progbits\n",
        modules().len(),
        escaped(&modules())
    )
}

#[test]
fn go_lists_its_modules_by_their_addresses() {
    let program = compiled(&pointed(), &["-no-pie"]);
    assert_eq!(list(&program), (EXPECTED.map(str::to_owned).to_vec(), Vec::new()));
}

fn inline() -> String {
    let length = modules().len();
    let varint = [u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()];
    format!(
        ".section .go.buildinfo,\"aw\"\n.balign 16\n.ascii \"\\377 Go buildinf:\"\n.byte 8, 2\n\
         .zero 16\n.byte 8\n.ascii \"go1.17.2\"\n.ascii \"{}{}\"\n.section .note.GNU-stack,\"\",@progbits\n",
        escaped(&varint),
        escaped(&modules())
    )
}

#[test]
fn go_lists_its_modules_in_the_section() {
    let program = compiled(&inline(), &[]);
    assert_eq!(list(&program), (EXPECTED.map(str::to_owned).to_vec(), Vec::new()));
}

/// Without sections, the list is at the start of the data: as Go's linker has it, and no other.
#[test]
fn go_lists_its_modules_without_sections() {
    let mut program = compiled(&inline(), &["-no-pie"]);
    // Offset, number and names of the section headers.
    program[40..48].fill(0);
    program[60..64].fill(0);
    assert_eq!(list(&program), (EXPECTED.map(str::to_owned).to_vec(), Vec::new()));
}

/// What `cargo auditable` puts into a section.
fn audited(json: &str) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(json.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    with_section(&packed)
}

fn with_section(content: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (list, from, to) =
        (folder.path().join("list"), folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&list, content).unwrap();
    std::fs::write(&from, compiled("", &[])).unwrap();
    let section = format!(".dep-v0={}", list.display());
    let mut command = Command::new("objcopy");
    let status = command.args(["--add-section", &section]).args([&from, &to]).status();
    assert!(status.unwrap().success(), "objcopy failed");
    std::fs::read(to).unwrap()
}

#[test]
fn rust_lists_its_crates() {
    let program = audited(
        r#"{"packages":[
            {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
            {"name":"itoa","version":"1.0.9","source":"crates.io"},
            {"name":"app","version":"0.1.0","source":"local","dependencies":[0,1],"root":true}
        ],"format":1}"#,
    );
    let expected = ["cargo:app 0.1.0", "cargo:itoa 1.0.9"];
    assert_eq!(list(&program), (expected.map(str::to_owned).to_vec(), Vec::new()));
}

/// The program is one that `cargo auditable` built, the list what other tools take out of it.
#[test]
fn what_cargo_auditable_writes_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/auditable");
    let all: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("list.json")).unwrap()).unwrap();
    let all = all["packages"].as_array().unwrap();
    let text = |it: &serde_json::Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    let shipped = all.iter().filter(|it| text(it, "kind") != "build");
    let expected: Vec<String> =
        shipped.map(|it| format!("cargo:{} {}", text(it, "name"), text(it, "version"))).collect();
    assert_eq!((all.len(), expected.len()), (4, 3), "one is for the build alone");
    let program = std::fs::read(folder.join("audited")).unwrap();
    assert_eq!(list(&program), (expected, Vec::new()));
}

#[test]
fn lists_that_are_malformed_are_named() {
    let (packages, problems) = list(&with_section(b"not packed"));
    assert_eq!(packages, Vec::<String>::new());
    assert_eq!(problems, ["/usr/bin/tool: its list of crates cannot be unpacked"]);
    let (_, problems) = list(&audited("{}"));
    assert!(
        problems[0].starts_with("/usr/bin/tool: its list of crates: missing field"),
        "{problems:?}"
    );
    // Addresses that lead nowhere: a position-independent program would be relocated first.
    let nowhere = pointed().replace(".quad 1f, 8", ".quad 0x7fffffffffff, 8");
    let (_, problems) = list(&compiled(&nowhere, &["-no-pie"]));
    assert_eq!(problems, ["/usr/bin/tool: it has an address that is nowhere in the file"]);
}

/// Programs of the machine have neither list, and say so without fail.
#[test]
fn other_programs_have_no_list() {
    for path in ["/bin/sh", "/usr/bin/gcc"] {
        let program = std::fs::read(Path::new(path)).unwrap();
        assert_eq!(list(&program), (Vec::new(), Vec::new()), "{path}");
    }
}
