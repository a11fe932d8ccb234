//! pip and uv, against their own lists.

use super::{Locked, Packages};
use crate::clients::{Case, OLD, releases};
use crate::upstream::{Site, Wire};

/// As <https://peps.python.org/pep-0503/#normalized-names> has it.
fn listed(locked: &Locked) -> Packages {
    let list = locked.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let pair = |entry: &serde_json::Value| {
        let name = text(&entry["name"]).to_lowercase().replace(['_', '.'], "-");
        (name, text(&entry["version"]))
    };
    list.as_array().unwrap().iter().map(pair).collect()
}

fn equals(command: &str) {
    let site = Site::start("python.test", Wire::Tls);
    site.serve(releases(&["1.0"], OLD));
    let command = command.replace("URL", &site.url());
    let case = Case::new("clients", &format!("WORKDIR /srv\nRUN {command}\n"), &[&site]);
    let locked = Locked::of(&case);
    // uv lists what is in `/usr/local`, pip what is elsewhere, too.
    let is_of_uv = command.contains("uv pip list");
    let own = if is_of_uv { locked.of_steps("pypi") } else { locked.all("pypi") };
    assert_eq!(own, listed(&locked));
    assert_eq!(locked.of_steps("pypi"), super::pairs(&[("greeter", "1.0"), ("phrases", "1.0")]));
    let (greeter, phrases) = (locked.package("pypi", "greeter"), locked.package("pypi", "phrases"));
    assert!(greeter.requested && !phrases.requested, "{greeter:?} {phrases:?}");
    let url = format!("{}/files/greeter-1.0-py3-none-any.whl", site.url());
    assert_eq!(greeter.url, Some(url));
    assert!(phrases.url.is_some() && phrases.architecture.is_empty(), "{phrases:?}");
}

#[test]
fn pip() {
    equals(
        "pip install --no-cache-dir --break-system-packages --index-url URL/simple greeter \
         && pip list --format json > /srv/listed",
    );
}

#[test]
fn pip_with_a_list_of_what_is_wanted() {
    equals(
        "echo greeter > list && pip install --no-cache-dir --break-system-packages \
         --index-url URL/simple -r list && pip list --format json > /srv/listed",
    );
}

#[test]
fn uv() {
    equals(
        "uv pip install --no-cache --system --break-system-packages --default-index URL/simple greeter \
         && uv pip list --system --format json > /srv/listed",
    );
}

/// What is installed again in another version, or removed, is not there any more.
#[test]
fn pip_removes_packages() {
    let site = Site::start("python.test", Wire::Tls);
    site.serve(releases(&["1.0", "1.1"], OLD));
    let dockerfile = format!(
        "ENV PIP_INDEX_URL={}/simple PIP_BREAK_SYSTEM_PACKAGES=1 PIP_NO_CACHE_DIR=1\n\
         RUN pip install greeter==1.0\nRUN pip install greeter==1.1 && pip uninstall -y phrases\n\
         RUN python3 -m venv /opt/env && cp -r /opt/env /opt/other && rm -r /opt/env\n\
         RUN mkdir -p /srv && pip list --format json > /srv/listed\n",
        site.url()
    );
    let locked = Locked::of(&Case::new("clients", &dockerfile, &[&site]));
    let versions = |step: &str| -> Vec<String> {
        let own = locked.lock.packages.iter().filter(|package| package.step == step);
        own.map(|package| format!("{} {}", package.name, package.version)).collect()
    };
    assert_eq!(versions("2"), ["greeter 1.0", "phrases 1.1"]);
    assert_eq!(versions("3"), ["greeter 1.1"]);
    let now: Packages = listed(&locked);
    let of_base = locked.of_base("pypi");
    assert_eq!(
        now.difference(&of_base).cloned().collect::<Packages>(),
        super::pairs(&[("greeter", "1.1")])
    );
}
