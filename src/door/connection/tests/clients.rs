//! curl and others, in clear and through a proxy that is not there.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn curl_gets_posts_and_heads() {
    let fixture = Fixture::new("deb.example:80").await;
    let text = stdout(&fixture.curl(&["http://deb.example/x?y=1"]).await);
    assert_eq!(text, "GET http://deb.example/x?y=1");
    let text = stdout(&fixture.curl(&["-I", "http://deb.example/x"]).await);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains("\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), "{text}");
    assert!(text.contains("\r\nContent-Length: 25\r\n"), "{text}");
    assert!(!text.to_lowercase().contains("\r\ndate:"), "{text}");
    let text = stdout(&fixture.curl(&["-d", "a=1", "http://deb.example/body"]).await);
    assert_eq!(text, "a=1");
    let chunked = ["-H", "Transfer-Encoding: chunked", "-d", "a=2", "http://deb.example/body"];
    assert_eq!(stdout(&fixture.curl(&chunked).await), "a=2");
    let text = stdout(&fixture.curl(&["--http1.0", "http://deb.example/old"]).await);
    assert_eq!(text, "GET http://deb.example/old");
    assert_eq!(fixture.refusals(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_waits_to_be_told_to_go_on() {
    let fixture = Fixture::new("deb.example:80").await;
    let file = fixture.folder.path().join("large");
    let data = format!("@{}", file.display());
    let arguments =
        ["-H", "Expect: 100-continue", "--data-binary", &data, "-v", "http://deb.example/body"];
    let output = fixture.curl(&arguments).await;
    assert!(output.stdout == large_bytes());
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("HTTP/1.1 100 Continue"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_ranges_resumes_and_asks_conditionally() {
    let fixture = Fixture::new("deb.example:80").await;
    let large = large_bytes();
    let output = fixture.curl(&["-r", "10-19", "http://deb.example/large"]).await;
    assert_eq!(output.stdout, large[10..20]);
    let part = fixture.folder.path().join("part");
    std::fs::write(&part, &large[..1_000_000]).unwrap();
    let path = part.to_str().unwrap();
    stdout(&fixture.curl(&["-C", "-", "-o", path, "http://deb.example/large"]).await);
    assert!(std::fs::read(&part).unwrap() == large);
    let output = fixture.curl(&["-r", "0-9,100-109", "http://deb.example/large"]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("Content-Range: bytes 100-109/3000000"), "{text}");
    let code = ["-o", "/dev/null", "-w", "%{http_code}"];
    let status = async |arguments: &[&str]| {
        stdout(&fixture.curl(&[&code[..], arguments, &["http://deb.example/large"]].concat()).await)
    };
    assert_eq!(status(&["-r", "3000000-"]).await, "416");
    assert_eq!(status(&["-z", "Sun, 06 Nov 1994 08:49:37 GMT"]).await, "304");
    assert_eq!(status(&["-H", "If-None-Match: \"one\""]).await, "304");
    assert_eq!(status(&["-H", "If-None-Match: \"two\""]).await, "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_keeps_its_connection() {
    let fixture = Fixture::new("deb.example:80").await;
    let url = "http://deb.example/large";
    let output = fixture
        .curl(&["-w", "%{stderr}%{num_connects}\n", "-o", "/dev/null", "-o", "/dev/null", url, url])
        .await;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "1\n0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_is_told_why_not() {
    let fixture = Fixture::new("deb.example:80").await;
    let text = stdout(&fixture.curl(&["-w", "%{http_code}", "http://deb.example/missing"]).await);
    let says =
        "rlock: http://deb.example/missing is not locked; run `rlock lock` or `rlock update`";
    assert_eq!(text, format!("{says}\n504"));
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_notices_a_body_that_breaks_off() {
    let fixture = Fixture::new("deb.example:80").await;
    for query in ["", "?sized"] {
        let url = format!("http://deb.example/fails{query}");
        let output = fixture.curl(&["-o", "/dev/null", &url]).await;
        assert_eq!(output.status.code(), Some(18), "partial file {query}");
        let ca = fixture.ca();
        let url = url.replace("http:", "https:");
        let output = fixture.curl(&["--cacert", &ca, "-o", "/dev/null", &url]).await;
        assert!(matches!(output.status.code(), Some(18 | 56)), "{output:?}");
    }
    let url = "http://deb.example/fails";
    let output = fixture.curl(&["--http1.0", "-w", "%{http_code}", "-o", "/dev/null", url]).await;
    assert_eq!(stdout(&output), "502", "where the end of the body could not be told from a cut");
    let output = fixture.curl(&["http://deb.example/streams"]).await;
    assert_eq!(output.stdout.len(), 200_000);
    assert_eq!(fixture.refusals(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_were_told_to_use_a_proxy() {
    let fixture = Fixture::new("proxy.example:3128").await;
    let proxy = format!("http://{}", fixture.address);
    let curl = async |arguments: &[&str]| {
        let common = ["-sS", "--max-time", "20", "-x", &proxy];
        stdout(&run("curl", &[&common[..], arguments].concat()).await)
    };
    assert_eq!(curl(&["http://deb.example/x"]).await, "GET http://deb.example/x");
    let ca = fixture.ca();
    let text = curl(&["--cacert", &ca, "https://deb.example/x"]).await;
    assert_eq!(text, "GET https://deb.example/x");
    let text = curl(&["--proxytunnel", "http://deb.example:8080/x"]).await;
    assert_eq!(text, "GET http://deb.example:8080/x");
    let output =
        run("curl", &["-sS", "-x", &proxy, "--cacert", &ca, "https://deb.example/large"]).await;
    assert!(output.stdout == large_bytes());
    assert_eq!(fixture.refusals(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn gnu_wget_and_busybox() {
    let fixture = Fixture::new("proxy.example:3128").await;
    let proxy = format!("http_proxy=http://{}", fixture.address);
    let wget = ["-u", "HOME", &proxy, "wget", "-q", "-O-", "http://deb.example/x"];
    assert_eq!(stdout(&run("env", &wget).await), "GET http://deb.example/x");
    let busybox = ["-u", "HOME", &proxy, "busybox", "wget", "-q", "-O-", "http://deb.example/y"];
    assert_eq!(stdout(&run("env", &busybox).await), "GET http://deb.example/y");
    let text =
        fixture.exchange("GET https://deb.example/z HTTP/1.1\r\nHost: deb.example\r\n\r\n").await;
    assert!(text.ends_with("\r\n\r\nGET https://deb.example/z"), "{text}");
    assert_eq!(fixture.refusals(), []);
}
