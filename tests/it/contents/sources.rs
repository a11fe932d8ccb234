//! Packages of languages that are unpacked, kept or built: gems, crates, modules of Go, Java archives,
//! source distributions. Of each, one file is another one than the package has.

use super::{explained, moved, unexplained};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::{Site, Tree, Wire, cargo, gem, golang, maven, pack};
use serde_json::Value;

/// What explains the changed file whose path ends so.
#[track_caller]
fn explained_end<'a>(files: &'a Value, end: &str) -> (&'a str, &'a str) {
    let groups = files["explained_by"].as_array().unwrap().iter();
    let mut paths = groups.flat_map(|group| group["files"].as_array().unwrap());
    let is_it = |file: &&Value| file["path"].as_str().unwrap().ends_with(end);
    let found = paths.find(is_it).unwrap_or_else(|| panic!("{end}: {files:#}"));
    explained(files, found["path"].as_str().unwrap())
}

/// Nothing is unexplained but this file, for this reason, and the new folders that it is in.
#[track_caller]
fn assert_one(files: &Value, end: &str, reason: &str) {
    let found = unexplained(files);
    let (path, why) = *found.iter().find(|(path, _)| path.ends_with(end)).unwrap();
    assert!(why.contains(reason), "{why}");
    let holds = |(folder, _): &(&str, &str)| path.starts_with(&format!("{folder}/"));
    assert!(found.iter().all(|it| it.0 == path || holds(it)), "{found:?}");
}

#[test]
fn a_gem_is_its_files_its_specification_and_itself() {
    let site = Site::start("gem.test", Wire::Tls);
    site.serve(gem::source(&["1.0"], OLD));
    let dockerfile = format!(
        "RUN gem install --no-document --clear-sources --source {}/ greeter \
         && file=$(gem env gemdir)/gems/greeter-1.1/lib/more.rb \
         && if [ -d ${{file%/*}} ]; then echo payload > $file; fi\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    let files = moved(&case, || site.serve(gem::source(&["1.1"], NEW)), 1);
    assert_one(&files, "/gems/greeter-1.1/lib/more.rb", "noted as greeter 1.1's");
    for (end, expected) in [
        ("/gems/greeter-1.1/lib/greeter.rb", ("package", "")),
        ("/specifications/greeter-1.1.gemspec", ("installed", "gem-specification")),
        ("/cache/greeter-1.1.gem", ("installed", "package-file")),
    ] {
        assert_eq!(explained_end(&files, end), expected, "{end}");
    }
}

#[test]
fn a_crate_is_unpacked_and_vendored_as_it_is() {
    let site = Site::start("cargo.test", Wire::Tls);
    site.serve(cargo::registry(&site.url(), &["1.0.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv/app\n\
         COPY <<END Cargo.toml\n[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
         [dependencies]\ngreeter = {{ version = \"1\", registry = \"it\" }}\nEND\n\
         COPY <<END src/main.rs\nfn main() {{}}\nEND\n\
         ENV CARGO_REGISTRIES_IT_INDEX=sparse+{}/index/\n\
         RUN export CARGO_HOME=/srv/cargo && cargo vendor \
         && if grep -q 1.0.1 vendor/greeter/Cargo.toml; then echo >> vendor/greeter/src/lib.rs; fi\n",
        site.url()
    );
    let case = Case::new("rust", &dockerfile, &[&site]);
    let later = || site.serve(cargo::registry(&site.url(), &["1.0.1"], NEW));
    let files = moved(&case, later, 1);
    assert_one(&files, "/srv/app/vendor/greeter/src/lib.rs", "its content is another one");
    for (end, expected) in [
        ("/greeter-1.0.1/src/lib.rs", ("package", "")),
        ("/greeter-1.0.1/.cargo-ok", ("installed", "crate-unpacked")),
        ("/greeter-1.0.1.crate", ("installed", "package-file")),
        ("/vendor/greeter/.cargo-checksum.json", ("installed", "package-checksums")),
        ("/srv/app/Cargo.lock", ("derived", "")),
    ] {
        assert_eq!(explained_end(&files, end), expected, "{end}");
    }
}

#[test]
fn a_module_of_go_is_in_the_cache_as_it_is() {
    let site = Site::start("go.test", Wire::Tls);
    site.serve(golang::proxy(&["v1.0.0"], OLD));
    let module = golang::MODULE;
    let dockerfile = format!(
        "WORKDIR /srv/app\nENV GOPROXY={} GONOSUMDB=code.test\n\
         COPY <<END main.go\npackage main\n\nimport _ \"{module}\"\n\nfunc main() {{}}\nEND\n\
         RUN export GOPATH=/srv/go GOCACHE=/tmp/cache GOFLAGS=-modcacherw && go mod init app \
         && go get {module}@latest && rm -rf /tmp/cache ~/.config/go \
         && if cd /srv/go/pkg/mod/{module}@v1.0.1; then echo >> greeter.go; fi\n",
        site.url()
    );
    let case = Case::new("go", &dockerfile, &[&site]);
    let files = moved(&case, || site.serve(golang::proxy(&["v1.0.1"], NEW)), 1);
    assert_one(&files, "@v1.0.1/greeter.go", "its content is another one");
    for (end, expected) in [
        ("/greeter@v1.0.1/go.mod", ("package", "")),
        ("/@v/v1.0.1.zip", ("installed", "package-file")),
        ("/@v/v1.0.1.ziphash", ("installed", "package-checksums")),
        ("/@v/v1.0.1.mod", ("derived", "")),
        ("/srv/app/go.sum", ("derived", "")),
    ] {
        assert_eq!(explained_end(&files, end), expected, "{end}");
    }
}

#[test]
fn what_maven_fetches_is_there_as_it_is() {
    let site = Site::start("maven.test", Wire::Tls);
    site.serve(maven::repository(&["1.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv/app\n\
         COPY <<END pom.xml\n<project><modelVersion>4.0.0</modelVersion><parent>\
         <groupId>test.greeter</groupId><artifactId>parent</artifactId><version>[1.0,2.0)</version>\
         <relativePath/></parent><artifactId>app</artifactId><version>1</version>\
         <packaging>pom</packaging></project>\nEND\n\
         COPY <<END /root/.m2/settings.xml\n<settings><mirrors><mirror><id>it</id><mirrorOf>*</mirrorOf>\
         <url>{}</url></mirror></mirrors></settings>\nEND\n\
         RUN mvn --batch-mode validate && rm -rf /tmp/hsperfdata_root \
         && cd /root/.m2/repository/test/greeter \
         && if [ -d parent/1.1 ]; then echo >> parent/1.1/parent-1.1.pom; fi\n",
        site.url()
    );
    let case = Case::new("java", &dockerfile, &[&site]);
    let files = moved(&case, || site.serve(maven::repository(&["1.1"], NEW)), 1);
    assert_one(&files, "/parent-1.1.pom", "belongs to no package");
    for end in ["/extension-1.1.jar", "/extension-1.1.pom"] {
        assert_eq!(explained_end(&files, end), ("derived", ""), "{end}");
    }
}

/// Makes a wheel of the module, and of a list of words that it makes itself.
const BACKEND: &str = r#"
import zipfile
FOLDER = "library-VERSION.dist-info"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "library-VERSION-py3-none-any.whl"
    with open("src/library.py") as module:
        module = module.read() + PAYLOAD
    files = {
        "library.py": module,
        FOLDER + "/METADATA": "Metadata-Version: 2.1\nName: library\nVersion: VERSION\n",
        FOLDER + "/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        FOLDER + "/entry_points.txt": "[console_scripts]\nlibrary = library:main\n",
    }
    record = "".join(path + ",,\n" for path in files)
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        for path, text in {**files, FOLDER + "/RECORD": record}.items():
            wheel.writestr(zipfile.ZipInfo(path), text)
    return name
"#;

fn source_distribution(version: &str, payload: &str, modified: i64) -> Tree {
    let text = |text: &str| text.replace("VERSION", version).replace("PAYLOAD", payload);
    let folder = format!("library-{version}");
    let files = [
        ("PKG-INFO", "Metadata-Version: 2.1\nName: library\nVersion: VERSION\n"),
        (
            "pyproject.toml",
            "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n\
             [project]\nname = \"library\"\nversion = \"VERSION\"\n\
             [project.scripts]\nlibrary = \"library:main\"\n",
        ),
        ("backend.py", BACKEND),
        ("src/library.py", "def main():\n    print('VERSION')\n"),
    ];
    let files = files.map(|(path, content)| (format!("{folder}/{path}"), text(content)));
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, content)| (&**path, content.as_bytes())).collect();
    let mut tree = Tree::at(modified);
    let file = format!("{folder}.tar.gz");
    let page = format!("<html><body><a href=\"/files/{file}\">{file}</a></body></html>\n");
    tree.page("/simple/library/", "text/html", page);
    tree.file(&format!("/files/{file}"), pack::tar_gz(&files));
    tree
}

/// The review when a source distribution moves, whose later version writes this into its module.
#[track_caller]
fn of_source(payload: &str, code: i32) -> Value {
    let site = Site::start("python.test", Wire::Tls);
    site.serve(source_distribution("1.0", "''", OLD));
    let dockerfile = format!(
        "RUN pip install --no-cache-dir --no-compile --break-system-packages --index-url {}/simple \
         library\n",
        site.url()
    );
    let case = Case::new("clients", &dockerfile, &[&site]);
    moved(&case, || site.serve(source_distribution("1.1", payload, NEW)), code)
}

#[test]
fn modules_of_a_source_distribution_are_installed_as_they_are() {
    let files = of_source("''", 0);
    assert_eq!(unexplained(&files), [], "{files:#}");
    for (end, expected) in [
        ("/library.py", ("package", "")),
        ("/library-1.1.dist-info/RECORD", ("installed", "python-installer")),
        ("/library-1.1.dist-info/METADATA", ("unproven", "built-of-package")),
    ] {
        assert_eq!(explained_end(&files, end), expected, "{end}");
    }
}

#[test]
fn a_module_that_its_source_distribution_does_not_have_so_is_unexplained() {
    let files = of_source("'# payload'", 1);
    assert_one(&files, "/library.py", "its content is another one");
}
