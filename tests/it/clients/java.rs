//! Java's own clients, and Maven.

use super::{Case, NEW, OLD};
use crate::upstream::maven::repository;
use crate::upstream::{Site, Tree, Wire};

const FETCH: &str = r#"import java.net.*;
import java.net.http.*;
import java.nio.file.*;

class Fetch {
    public static void main(String[] words) throws Exception {
        URI address = URI.create(words[0]);
        try (var stream = address.toURL().openStream()) {
            Files.copy(stream, Path.of("/srv/old"));
        }
        var request = HttpRequest.newBuilder(address).build();
        var handler = HttpResponse.BodyHandlers.ofFile(Path.of("/srv/new"));
        if (HttpClient.newHttpClient().send(request, handler).statusCode() != 200)
            throw new Exception("not found");
    }
}
"#;

fn fetches(wire: Wire) {
    let tree = |text: &str, modified| {
        let mut tree = Tree::at(modified);
        tree.page("/file", "text/plain", text);
        tree
    };
    let site = Site::start("files.test", wire);
    site.serve(tree("one", OLD));
    let dockerfile = format!(
        "COPY <<'END' /tmp/Fetch.java\n{FETCH}END\nRUN java /tmp/Fetch.java {}/file && cmp /srv/*\n",
        site.url()
    );
    let case = Case::new("java", &dockerfile, &[&site]);
    case.assert_replays(|| site.serve(tree("two", NEW)));
}

#[test]
fn java() {
    fetches(Wire::Tls);
}

#[test]
fn java_without_tls() {
    fetches(Wire::Plain);
}

#[test]
fn maven() {
    let site = Site::start("maven.test", Wire::Tls);
    site.serve(repository(&["1.0"], OLD));
    let dockerfile = format!(
        "WORKDIR /srv/app\n\
         COPY <<END pom.xml\n<project><modelVersion>4.0.0</modelVersion><parent>\
         <groupId>test.greeter</groupId><artifactId>parent</artifactId><version>[1.0,2.0)</version>\
         <relativePath/></parent><artifactId>app</artifactId><version>1</version>\
         <packaging>pom</packaging></project>\nEND\n\
         COPY <<END /root/.m2/settings.xml\n<settings><mirrors><mirror><id>it</id><mirrorOf>*</mirrorOf>\
         <url>{}</url></mirror></mirrors></settings>\nEND\n\
         RUN mvn --batch-mode -Dmaven.repo.local=/tmp/m2 validate && mkdir /srv/lib \
         && cp /tmp/m2/test/greeter/*/*/*.jar /srv/lib && rm -rf /tmp/m2 /tmp/hsperfdata_root\n",
        site.url()
    );
    let case = Case::new("java", &dockerfile, &[&site]);
    case.assert_replays(|| site.serve(repository(&["1.1"], NEW)));
}
