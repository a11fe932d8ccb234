//! Managers with an index page for each package: what is not named is held by nature, and what a move
//! forces along is named.

use super::{look, moves, outdated, recorded, update};
use crate::clients::{Case, NEW, OLD};
use crate::upstream::golang::MODULE;
use crate::upstream::{Site, Tree, Wire, cargo, gem, golang, npm, python};

/// The registry of a language: a `greeter` and `phrases` in versions `from` and, once it has moved on,
/// `to`; whether the `greeter` in `to` needs the later `phrases`.
struct Language {
    kind: &'static str,
    base: &'static str,
    site: &'static str,
    /// Installs both; `URL` stands for the registry.
    install: &'static str,
    names: [&'static str; 2],
    from: &'static str,
    to: &'static str,
    /// What there is besides, once a version is asked for.
    later: &'static str,
    /// What the `greeter` in `to` needs, in the words of a reason.
    need: &'static str,
    /// What changes with a move though no package has it.
    unexplained: &'static [&'static str],
    tree: fn(&str, &[Release], i64) -> Tree,
}

/// A release of one of the two, and what it needs of the other.
type Release = (&'static str, &'static str, Option<&'static str>);

impl Language {
    fn releases(&self, versions: &[&'static str], need: Option<&'static str>) -> Vec<Release> {
        let [greeter, phrases] = self.names;
        let needed = |version: &str| need.filter(|_| version == self.to);
        let greeters = versions.iter().map(|version| (greeter, *version, needed(version)));
        greeters.chain(versions.iter().map(|version| (phrases, *version, None))).collect()
    }

    fn start(&self) -> Site {
        let site = Site::start(self.site, Wire::Tls);
        site.serve((self.tree)(&site.url(), &self.releases(&[self.from], None), OLD));
        site
    }

    fn case<'a>(&self, site: &'a Site) -> Case<'a> {
        let case = Case::new(self.base, &self.install.replace("URL", &site.url()), &[site]);
        case.lock();
        case
    }

    fn move_on(&self, site: &Site, need: Option<&'static str>) {
        let releases = self.releases(&[self.from, self.to], need);
        site.serve((self.tree)(&site.url(), &releases, NEW));
    }

    fn row(&self, name: &str) -> String {
        let Self { kind, from, to, .. } = self;
        format!("{kind} {name} {from} -> {to}")
    }

    /// One of two packages moves; then the other with all.
    #[track_caller]
    fn moves_one(&self) {
        let [greeter, phrases] = self.names;
        let site = self.start();
        let case = self.case(&site);
        assert_eq!(update(&case, 0, &[greeter])["outcome"], "nothing-to-do");
        self.move_on(&site, None);
        let both = [self.row(greeter), self.row(phrases)];
        assert_eq!(outdated(&look(&case, 1, &["--exit-code"])), both);
        assert_eq!(outdated(&look(&case, 1, &["--exit-code", "--offline"])), both);
        assert_eq!(moves(&update(&case, 0, &[greeter, "--dry-run"])), [self.row(greeter)]);
        case.world.write("old.lock", case.world.read("Dockerfile.lock"));
        let report = update(&case, 0, &[greeter]);
        assert_eq!(moves(&report), [self.row(greeter)], "{report:#}");
        case.verify(&[], &recorded(&case));
        self.review(&case);
        let report = update(&case, 0, &[]);
        assert_eq!(moves(&report), [self.row(phrases)], "{report:#}");
        assert_eq!(outdated(&look(&case, 0, &["--exit-code"])), [""; 0]);
        case.assert_replays_offline(&recorded(&case));
    }

    /// Every changed file is the moved package's, or follows from it.
    #[track_caller]
    fn review(&self, case: &Case<'_>) {
        let code = i32::from(!self.unexplained.is_empty());
        let ran = case.rlock("review", &["old.lock", "--files", "--format", "json"]);
        let report = ran.expect(code).json();
        let unexplained = report["files"]["unexplained"].as_array().unwrap().iter();
        let paths: Vec<&str> = unexplained.map(|it| it["path"].as_str().unwrap()).collect();
        assert_eq!(paths, self.unexplained, "{report:#}");
        assert_ne!(report["files"]["changed"], 0, "{report:#}");
    }

    /// One of two packages moves to the version that is asked for, though there is a later one.
    #[track_caller]
    fn moves_to_a_version(&self, sign: char) {
        let [greeter, _] = self.names;
        let site = self.start();
        let case = self.case(&site);
        let releases = self.releases(&[self.from, self.to, self.later], None);
        site.serve((self.tree)(&site.url(), &releases, NEW));
        let unknown = format!("{greeter}{sign}{}9", self.later);
        let said = case.rlock("update", &["-C", ".", &unknown]).expect(2).stderr;
        assert!(said.contains("has no version") && said.contains(self.later), "{said}");
        let wish = format!("{greeter}{sign}{}", self.to);
        assert_eq!(moves(&update(&case, 0, &[&wish, "--dry-run"])), [self.row(greeter)]);
        assert_eq!(moves(&update(&case, 0, &[&wish])), [self.row(greeter)]);
        case.assert_replays_offline(&recorded(&case));
    }

    /// The later of one needs the later of the other.
    #[track_caller]
    fn forces_along(&self) {
        let [greeter, phrases] = self.names;
        let site = self.start();
        let case = self.case(&site);
        self.move_on(&site, Some(self.need));
        let reason = format!(", because {greeter} {} needs {phrases} {}", self.to, self.need);
        let both = [self.row(greeter), self.row(phrases) + &reason];
        assert_eq!(moves(&update(&case, 0, &[greeter, "--dry-run"])), both);
        assert_eq!(moves(&update(&case, 0, &[greeter])), both);
        case.assert_replays_offline(&recorded(&case));
    }
}

const PIP: Language = Language {
    kind: "pypi",
    base: "clients",
    site: "python.test",
    install: "RUN pip install --no-cache-dir --break-system-packages --index-url URL/simple greeter \
              phrases\n",
    names: ["greeter", "phrases"],
    from: "1.0",
    to: "1.1",
    later: "1.2",
    need: ">=1.1",
    unexplained: &[],
    tree: |_, releases, modified| {
        let release = |(name, version, need): &Release| {
            let requires = need.map(|_| "phrases>=1.1");
            python::Release { name, version, requires }
        };
        python::index(&releases.iter().map(release).collect::<Vec<_>>(), modified)
    },
};

fn npm_registry(url: &str, releases: &[Release], modified: i64) -> Tree {
    let release = |(name, version, need): &Release| {
        let requires = need.map(|need| ("phrases", need));
        npm::Release { name, version, requires }
    };
    npm::registry(url, &releases.iter().map(release).collect::<Vec<_>>(), modified)
}

const NPM: Language = Language {
    kind: "npm",
    base: "clients",
    site: "npm.test",
    install: "WORKDIR /srv\nENV npm_config_registry=URL\nRUN echo '{\"private\":true}' > package.json \
              && npm install greeter phrases && npm cache clean --force\n",
    names: ["greeter", "phrases"],
    from: "1.0.0",
    to: "1.1.0",
    later: "1.2.0",
    need: "^1.1.0",
    unexplained: &[],
    tree: npm_registry,
};

const YARN: Language = Language {
    install: "WORKDIR /srv\nENV npm_config_registry=URL\nRUN echo '{\"private\":true}' > package.json \
              && yarn add greeter phrases && yarn cache clean\n",
    ..NPM
};

const PNPM: Language = Language {
    install: "WORKDIR /srv\nENV npm_config_registry=URL\nRUN echo '{\"private\":true}' > package.json \
              && pnpm add --store-dir /tmp/store greeter phrases && rm -rf /tmp/store ~/.cache/pnpm \
              node_modules/.modules.yaml node_modules/.pnpm-workspace-state-v1.json\n",
    ..NPM
};

const CARGO: Language = Language {
    kind: "cargo",
    base: "rust",
    site: "cargo.test",
    install: "WORKDIR /srv/app\n\
              COPY <<END Cargo.toml\n[package]\nname = \"app\"\nversion = \"0.1.0\"\n\
              edition = \"2021\"\n[dependencies]\ngreeter = { version = \"1\", registry = \"it\" }\n\
              phrases = { version = \"1\", registry = \"it\" }\nEND\n\
              COPY <<END src/main.rs\nfn main() { println!(\"{}{}\", greeter::version(), \
              phrases::version()) }\nEND\nENV CARGO_REGISTRIES_IT_INDEX=sparse+URL/index/\n\
              RUN export CARGO_HOME=/tmp/cargo && cargo build --release \
              && cp target/release/app /usr/bin && rm -rf target /tmp/cargo\n",
    names: ["greeter", "phrases"],
    from: "1.0.0",
    to: "1.1.0",
    later: "1.2.0",
    need: "^1.1.0",
    // The program does not say which crates it is made of: it was not built with `cargo auditable`.
    unexplained: &["/usr/bin/app"],
    tree: |url, releases, modified| {
        let release = |(name, version, need): &Release| {
            let requires = need.map(|need| ("phrases", need));
            cargo::Release { name, version, requires }
        };
        cargo::registry_of(url, &releases.iter().map(release).collect::<Vec<_>>(), modified)
    },
};

const GEM: Language = Language {
    kind: "gem",
    base: "clients",
    site: "gem.test",
    install: "RUN gem install --no-document --clear-sources --source URL/ greeter phrases\n",
    names: ["greeter", "phrases"],
    from: "1.0",
    to: "1.1",
    later: "1.2",
    need: ">= 1.1",
    unexplained: &[],
    tree: |_, releases, modified| {
        let release = |(name, version, need): &Release| {
            let requires = need.map(|need| ("phrases", need));
            gem::Release { name, version, requires }
        };
        gem::source_of(&releases.iter().map(release).collect::<Vec<_>>(), modified)
    },
};

const PHRASES: &str = "code.test/phrases";

const GO: Language = Language {
    kind: "golang",
    base: "go",
    site: "go.test",
    install: "WORKDIR /srv/app\nENV GOPROXY=URL GONOSUMDB=code.test\n\
              COPY <<END main.go\npackage main\n\nimport (\n\t\"code.test/greeter\"\n\t\
              \"code.test/phrases\"\n)\n\n\
              func main() { println(greeter.Version(), phrases.Version()) }\nEND\n\
              RUN export GOPATH=/tmp/go GOCACHE=/tmp/cache GOFLAGS=-modcacherw && go mod init app \
              && go get code.test/greeter@latest code.test/phrases@latest \
              && CGO_ENABLED=0 go build -o /usr/bin/app . && rm -rf /tmp/go /tmp/cache ~/.config/go\n",
    names: [MODULE, PHRASES],
    from: "v1.0.0",
    to: "v1.1.0",
    later: "v1.2.0",
    need: "v1.1.0",
    unexplained: &[],
    tree: |_, releases, modified| {
        let release = |(module, version, need): &Release| {
            let requires = need.map(|need| (PHRASES, need));
            golang::Release { module, version, requires }
        };
        golang::proxy_of(&releases.iter().map(release).collect::<Vec<_>>(), modified)
    },
};

#[test]
fn pip() {
    PIP.moves_one();
}

#[test]
fn pip_to_a_version() {
    PIP.moves_to_a_version('=');
}

#[test]
fn npm_to_a_version() {
    NPM.moves_to_a_version('@');
}

#[test]
fn cargo_to_a_version() {
    CARGO.moves_to_a_version('@');
}

#[test]
fn gem_to_a_version() {
    GEM.moves_to_a_version('=');
}

#[test]
fn go_to_a_version() {
    GO.moves_to_a_version('@');
}

#[test]
fn pip_with_what_it_forces() {
    PIP.forces_along();
}

#[test]
fn npm() {
    NPM.moves_one();
}

#[test]
fn npm_with_what_it_forces() {
    NPM.forces_along();
}

#[test]
fn yarn() {
    YARN.moves_one();
}

#[test]
fn pnpm() {
    PNPM.moves_one();
}

#[test]
fn cargo() {
    CARGO.moves_one();
}

#[test]
fn cargo_with_what_it_forces() {
    CARGO.forces_along();
}

#[test]
fn gem() {
    GEM.moves_one();
}

#[test]
fn gem_with_what_it_forces() {
    GEM.forces_along();
}

#[test]
fn go() {
    GO.moves_one();
}

#[test]
fn go_with_what_it_forces() {
    GO.forces_along();
}
