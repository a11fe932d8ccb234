//! Failures to reach something, and to trust it.

use super::{Advice, Classic, after};

pub(super) static CLASSICS: &[Classic] = &[
    Classic {
        id: "name-resolution",
        marks: &[
            "Temporary failure resolving '",
            "Could not resolve '",
            "Could not resolve host: ",
            "Temporary failure in name resolution",
            "bad address '",
            "EAI_AGAIN",
            "Name or service not known",
            "unable to resolve host address",
            "DNS lookup error",
        ],
        advice: Advice::Depends(|_, line| {
            let host = after(line, "resolving '", &['\''])
                .or_else(|| after(line, "resolve '", &['\'']))
                .or_else(|| after(line, "resolve host: ", &[' ', ';']))
                .or_else(|| after(line, "bad address '", &['\'']))
                .or_else(|| after(line, "EAI_AGAIN ", &[' ', ':']));
            let host = host.map_or_else(|| "a host name".to_owned(), |host| format!("`{host}`"));
            Some(format!(
                "{host} could not be resolved: does it resolve on this machine (`getent hosts`), \
                 and does /etc/resolv.conf name a server that answers?"
            ))
        }),
    },
    Classic {
        id: "certificate-time",
        marks: &["certificate is not yet valid", "CERT_NOT_YET_VALID"],
        advice: Advice::Always("the clock of this machine is wrong: set it (`timedatectl`)"),
    },
    Classic {
        id: "certificate-authorities",
        marks: &[
            "unable to get local issuer certificate",
            "curl: (77)",
            "error setting certificate verify locations",
            "error adding trust anchors from file",
            "Unable to locally verify the issuer's authority",
            "The certificate is NOT trusted",
            "is not trusted",
            "server certificate verification failed",
            "x509: certificate signed by unknown authority",
            "CERTIFICATE_VERIFY_FAILED",
            "self-signed certificate in certificate chain",
            "SELF_SIGNED_CERT_IN_CHAIN",
            "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        ],
        advice: Advice::Always(
            "the image has no certificate authorities, or lacks yours: install `ca-certificates` \
             before (`apt-get install -y ca-certificates`, `apk add ca-certificates`); for a \
             company's own authority add it and run `update-ca-certificates`",
        ),
    },
    Classic {
        id: "ssh-without-key",
        marks: &["Permission denied (publickey", "Host key verification failed."],
        advice: Advice::Always(
            "a build has no ssh keys: fetch public repositories over https, private ones outside \
             of the build, and COPY them",
        ),
    },
    Classic {
        id: "no-connection",
        marks: &[
            "Network is unreachable",
            "Connection timed out",
            "connect: connection refused",
            "Connection refused",
            "No route to host",
            "Could not connect to ",
            "Failed to connect to ",
            "ETIMEDOUT",
            "ECONNREFUSED",
        ],
        advice: Advice::Always(
            "a server could not be reached: does it answer on this machine, and does a proxy have \
             to be named (`--build-arg https_proxy=…`)?",
        ),
    },
    Classic {
        id: "rate-limit",
        marks: &["429 Too Many Requests", "toomanyrequests", "API rate limit exceeded"],
        advice: Advice::Always(
            "the server limits how often it is asked: wait, or give the request credentials",
        ),
    },
];
