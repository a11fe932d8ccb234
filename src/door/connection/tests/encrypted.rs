//! TLS, with clients that trust the authority and clients that do not.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn by_the_name_that_the_client_says() {
    let fixture = Fixture::new("198.51.100.1:443").await;
    let ca = fixture.ca();
    for name in ["deb.example", "pypi.example"] {
        let url = format!("https://{name}/x");
        let text = stdout(&fixture.curl(&["--cacert", &ca, &url]).await);
        assert_eq!(text, format!("GET {url}"));
    }
    let output = fixture.curl(&["--cacert", &ca, "https://deb.example/large"]).await;
    assert!(output.stdout == large_bytes());
    let text = stdout(
        &fixture.curl(&["--cacert", &ca, "--tls-max", "1.2", "https://deb.example/12"]).await,
    );
    assert_eq!(text, "GET https://deb.example/12");
    assert_eq!(fixture.refusals(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_address_where_there_is_no_name() {
    for address in ["198.51.100.1", "[2001:db8::1]"] {
        let fixture = Fixture::new(&format!("{address}:8443")).await;
        let url = format!("https://{address}:8443/x");
        let text = stdout(&fixture.curl(&["--cacert", &fixture.ca(), &url]).await);
        assert_eq!(text, format!("GET {url}"));
        assert_eq!(fixture.refusals(), []);
    }
}

/// RFC 6066 has only host names there, but some clients say what they were given.
#[tokio::test(flavor = "multi_thread")]
async fn odd_names() {
    let fixture = Fixture::new("198.51.100.1:443").await;
    let (ca, address) = (fixture.ca(), fixture.address.to_string());
    let text = stdout(&fixture.curl(&["--cacert", &ca, "https://under_score.example/"]).await);
    assert_eq!(text, "GET https://under_score.example/");
    let long = format!("{}.example", ["a".repeat(60).as_str(); 3].join("."));
    let url = format!("https://{long}/");
    assert_eq!(stdout(&fixture.curl(&["--cacert", &ca, &url]).await), format!("GET {url}"));
    let by_address = [
        "s_client",
        "-connect",
        &address,
        "-servername",
        "198.51.100.1",
        "-CAfile",
        &ca,
        "-verify_ip",
        "198.51.100.1",
        "-verify_return_error",
    ];
    let output = run("openssl", &by_address).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("Verify return code: 0 (ok)"), "{text}");
    assert_eq!(fixture.refusals(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_trust_are_named() {
    let fixture = Fixture::new("198.51.100.1:443").await;
    let output = fixture.curl(&["https://deb.example/x"]).await;
    assert_eq!(output.status.code(), Some(60));
    fixture.entrance.close().await;
    let [refusal] = &fixture.refusals()[..] else { panic!("{:?}", fixture.refusals()) };
    assert_eq!(refusal.target, "deb.example:443");
    let RefusalReason::Untrusted(why) = &refusal.reason else { panic!("{refusal:?}") };
    assert!(why.contains("UnknownCA"), "{why}");
    assert_eq!(fixture.urls(), [""; 0]);
}

/// `GnuTLS` looks at the certificate when the handshake is over, and leaves without a word.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_after_the_handshake_are_named_if_none_stays() {
    let fixture = Fixture::new("127.0.0.1:443").await;
    let url = format!("https://{}/x", fixture.address);
    let output = run("wget", &["-q", "-O-", "--tries=1", &url]).await;
    assert!(!output.status.success());
    fixture.entrance.close().await;
    let [refusal] = &fixture.refusals()[..] else { panic!("{:?}", fixture.refusals()) };
    assert!(matches!(refusal.reason, RefusalReason::Untrusted(_)), "{refusal:?}");

    let fixture = Fixture::new("127.0.0.1:443").await;
    let (ca, url) = (fixture.ca(), format!("https://{}/x", fixture.address));
    drop(run("wget", &["-q", "-O-", "--tries=1", &url]).await);
    let text = stdout(&run("wget", &["-q", "-O-", "--ca-certificate", &ca, &url]).await);
    assert_eq!(text, format!("GET {url}"));
    fixture.entrance.close().await;
    let alerts = |refusal: &Refusal| matches!(&refusal.reason, RefusalReason::Untrusted(why) if why.contains("left"));
    assert!(!fixture.refusals().iter().any(alerts), "{:?}", fixture.refusals());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_http_1_1_is_offered() {
    let fixture = Fixture::new("deb.example:443").await;
    let address = fixture.address.to_string();
    let s_client = async |arguments: &[&str]| {
        let common = ["s_client", "-connect", &address, "-servername", "deb.example", "-brief"];
        let output = run("openssl", &[&common[..], arguments].concat()).await;
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    let ca = fixture.ca();
    let both = run(
        "openssl",
        &[
            "s_client",
            "-connect",
            &address,
            "-alpn",
            "h2,http/1.1",
            "-CAfile",
            &ca,
            "-verify_return_error",
        ],
    )
    .await;
    let both = String::from_utf8_lossy(&both.stdout).into_owned();
    assert!(both.contains("ALPN protocol: http/1.1"), "{both}");
    assert!(both.contains("Verify return code: 0 (ok)"), "{both}");
    assert!(both.contains("TLS_AES_128_GCM_SHA256"), "{both}");
    let neither = s_client(&["-alpn", "h2"]).await;
    assert!(neither.contains("no application protocol"), "{neither}");
    let expected = Refusal {
        target: "deb.example:443".to_owned(),
        reason: RefusalReason::Unsupported("its client does not speak HTTP/1.1".to_owned()),
    };
    assert!(fixture.refusals().contains(&expected), "{:?}", fixture.refusals());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_within_must_be_http() {
    let fixture = Fixture::new("deb.example:8443").await;
    let address = fixture.address.to_string();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-connect", &address, "-servername", "mail.example"]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    let ended = tokio::task::spawn_blocking(move || {
        use std::io::Write as _;
        let mut client = command.spawn().unwrap();
        client.stdin.take().unwrap().write_all(b"a1 LOGIN x y\r\n").unwrap();
        client.wait().unwrap()
    });
    ended.await.unwrap();
    let expected =
        Refusal { target: "mail.example:8443".to_owned(), reason: RefusalReason::NotHttp };
    assert_eq!(fixture.refusals(), [expected]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_looks_like_tls() {
    let fixture = Fixture::new("deb.example:8443").await;
    let answer = fixture.exchange("\u{16}garbage that is no handshake").await;
    assert!(!answer.starts_with("HTTP"), "{answer:?}");
    let expected =
        Refusal { target: "deb.example:8443".to_owned(), reason: RefusalReason::NotHttp };
    assert_eq!(fixture.refusals(), [expected]);
    assert_eq!(fixture.exchange("\u{16}\u{3}\u{1}").await, "", "it left");
    assert_eq!(fixture.refusals().len(), 1);
}
