//! Tests of credential files.

use super::*;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

/// `user:password` as Docker writes it.
fn auth(user: &str, password: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
}

#[expect(clippy::unnecessary_wraps, reason = "what is found is optional")]
fn password(user: &str, secret: &str) -> Option<Credential> {
    Some(Credential::Password { user: user.to_owned(), secret: Secret::new(secret) })
}

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        Self { folder }
    }

    /// With a helper `docker-credential-store` that knows `known`, and logs what it was asked.
    fn with_helper(config: &str, known: &str) -> Self {
        let home = Self::new(config);
        let path = home.folder.path().join("docker-credential-store");
        let script = format!(
            "#!/bin/sh\nread s; if [ \"$s\" = '{known}' ]; then echo '{{\"Username\":\"helped\",\"Secret\":\"h\"}}'; \
             else echo credentials not found in native keychain; exit 1; fi\n"
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        home
    }

    fn find(&self, registry: &str, repository: &str) -> Result<Option<Credential>, String> {
        let helpers = Helpers {
            directories: vec![self.folder.path().to_owned()],
            timeout: Duration::from_secs(20),
        };
        find(&[self.folder.path().join("config.json")], &helpers, registry, repository)
    }
}

#[test]
fn every_spelling_of_a_host_is_found() {
    for key in ["reg.example", "https://reg.example", "http://reg.example/v1/", "REG.example"] {
        let home =
            Home::new(&format!(r#"{{"auths":{{"{key}":{{"auth":"{}"}}}}}}"#, auth("u", "p:q")));
        assert_eq!(home.find("reg.example", "a").unwrap(), password("u", "p:q"), "{key}");
        assert_eq!(home.find("reg.example:5000", "a").unwrap(), None, "{key}");
        assert_eq!(home.find("docker.io", "library/a").unwrap(), None, "{key}");
    }
    for key in ["https://index.docker.io/v1/", "docker.io", "index.docker.io"] {
        let home =
            Home::new(&format!(r#"{{"auths":{{"{key}":{{"auth":"{}"}}}}}}"#, auth("u", "p\0")));
        assert_eq!(home.find("docker.io", "library/a").unwrap(), password("u", "p"), "{key}");
        assert_eq!(home.find("reg.example", "a").unwrap(), None, "{key}");
    }
}

#[test]
fn credentials_of_a_namespace_are_for_that_namespace() {
    let home = Home::new(&format!(
        r#"{{"auths":{{"reg.example/team":{{"auth":"{}"}},"reg.example/team/app":{{"auth":"{}"}}}}}}"#,
        auth("team", "t"),
        auth("app", "a")
    ));
    assert_eq!(home.find("reg.example", "team/app").unwrap(), password("app", "a"));
    assert_eq!(home.find("reg.example", "team/other/x").unwrap(), password("team", "t"));
    assert_eq!(home.find("reg.example", "teams/x").unwrap(), None);
}

#[test]
fn plain_fields_and_identity_tokens_are_read() {
    let home = Home::new(
        r#"{"auths":{"a":{"username":"u","password":"p"},"b":{"auth":"","identitytoken":"t"},"c":{}}}"#,
    );
    assert_eq!(home.find("a", "x").unwrap(), password("u", "p"));
    let token = Some(Credential::IdentityToken(Secret::new("t")));
    assert_eq!(home.find("b", "x").unwrap(), token);
    assert_eq!(home.find("c", "x").unwrap(), None);
}

#[test]
fn the_store_wins_over_the_file() {
    let config = format!(
        r#"{{"credsStore":"store","auths":{{"known":{{"auth":"{0}"}},"unknown":{{"auth":"{0}"}}}}}}"#,
        auth("file", "f")
    );
    let home = Home::with_helper(&config, "known");
    assert_eq!(home.find("known", "a").unwrap(), password("helped", "h"));
    assert_eq!(home.find("unknown", "a").unwrap(), None, "not found in the store is anonymous");
}

#[test]
fn a_registrys_own_helper_wins_over_the_store() {
    let config = format!(
        r#"{{"credsStore":"missing","credHelpers":{{"docker.io":"store"}},"auths":{{"docker.io":{{"auth":"{}"}}}}}}"#,
        auth("file", "f")
    );
    let home = Home::with_helper(&config, HUB_KEY);
    assert_eq!(home.find("docker.io", "library/a").unwrap(), password("helped", "h"));
    assert!(home.find("reg.example", "a").unwrap_err().contains("docker-credential-missing"));
}

#[test]
fn an_empty_store_is_no_store() {
    let home = Home::new(&format!(
        r#"{{"credsStore":"","credHelpers":{{"a":""}},"auths":{{"a":{{"auth":"{}"}}}}}}"#,
        auth("u", "p")
    ));
    assert_eq!(home.find("a", "x").unwrap(), password("u", "p"));
}

#[test]
fn a_helper_named_as_a_path_is_refused() {
    let home = Home::new(r#"{"credsStore":"../evil"}"#);
    let error = home.find("a", "x").unwrap_err();
    assert!(error.contains("config.json") && error.contains("../evil"), "{error}");
}

#[test]
fn a_broken_file_is_an_error_that_shows_no_secret() {
    for config in [
        r#"{"auths":{"a":{"auth":"hunter2!"}}}"#,
        r#"{"auths":{"a":{"password":"hunter2"}"#,
        r#"{"auths":"hunter2"}"#,
        r#"{"auths":{"a":{"auth":["hunter2"]}}}"#,
    ] {
        let error = Home::new(config).find("a", "x").unwrap_err();
        assert!(error.contains("config.json") && !error.contains("hunter2"), "{error}");
    }
    assert_eq!(Home::new(" \n").find("a", "x").unwrap(), None);
}

#[test]
fn the_size_of_a_file_is_limited() {
    let long = usize::try_from(FILE_SIZE_MAX).unwrap() + 1;
    let error = Home::new(&" ".repeat(long)).find("a", "x").unwrap_err();
    assert!(error.contains("longer than"), "{error}");
}

#[test]
fn the_first_file_that_has_credentials_counts() {
    let first = Home::new(&format!(r#"{{"auths":{{"a":{{"auth":"{}"}}}}}}"#, auth("first", "1")));
    let second = Home::new(&format!(
        r#"{{"auths":{{"a":{{"auth":"{0}"}},"b":{{"auth":"{0}"}}}}}}"#,
        auth("second", "2")
    ));
    let helpers = Helpers { directories: vec![], timeout: Duration::from_secs(1) };
    let files = [
        PathBuf::from("/nonexistent/config.json"),
        first.folder.path().join("config.json"),
        second.folder.path().join("config.json"),
    ];
    assert_eq!(find(&files, &helpers, "a", "x").unwrap(), password("first", "1"));
    assert_eq!(find(&files, &helpers, "b", "x").unwrap(), password("second", "2"));
    assert_eq!(find(&files, &helpers, "c", "x").unwrap(), None);
}

#[test]
fn the_usual_files_in_their_order() {
    let files = credential_files(None, None, Some(Path::new("/run/u")), Some(Path::new("/home/u")));
    let expected = [
        "/home/u/.docker/config.json",
        "/run/u/containers/auth.json",
        "/home/u/.config/containers/auth.json",
    ];
    assert_eq!(files, expected.map(PathBuf::from));
    let files = credential_files(Some(Path::new("/c")), Some(Path::new("/auth.json")), None, None);
    assert_eq!(files, ["/c/config.json", "/auth.json"].map(PathBuf::from));
}
