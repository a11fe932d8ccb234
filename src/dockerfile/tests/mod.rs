//! Tests of the parser as a whole.

mod differential;
mod dump;
mod fixtures;
mod limits;
mod properties;
mod values;

use super::*;

#[test]
fn a_file_of_all_kinds_is_read() {
    let source = br#"# syntax=docker/dockerfile:1
ARG BASE=debian:bookworm
FROM --platform=$BUILDPLATFORM ${BASE} AS Build
WORKDIR /src
COPY --chown=1:2 a b /dst/
RUN --mount=type=cache,target=/root/.cache --network=none \
    # why
    make && \
    make install
RUN <<EOF
echo hi
EOF
COPY <<-"x" <<y /etc/
	one
	x
two $V
y
ENV A=1 B="two words" C=a\ b
HEALTHCHECK --interval=30s CMD ["curl", "-f", "localhost"]
ONBUILD RUN echo x
EXPOSE 80 8000-8001/udp
FROM scratch
COPY --from=build /dst /
CMD ["/dst/a"]
"#;
    let file = parse(source).unwrap();
    assert_eq!(file.stages.len(), 2);
    assert_eq!(file.stage("BUILD").unwrap().0, 0);
    assert_eq!(file.stage("1").unwrap().1.from.image.text, "scratch");
    let texts: Vec<String> = file
        .stages
        .iter()
        .flat_map(|stage| &stage.instructions)
        .map(Instruction::normalized)
        .collect();
    assert_eq!(
        texts,
        [
            "WORKDIR /src",
            "COPY --chown=1:2 a b /dst/",
            "RUN --mount=type=cache,target=/root/.cache --network=none make && make install",
            "RUN <<EOF\necho hi\nEOF",
            "COPY <<-'x' <<y /etc/\none\nx\ntwo $V\ny",
            "ENV A=1 B=\"two words\" C=a\\ b",
            "HEALTHCHECK --interval=30s CMD [\"curl\",\"-f\",\"localhost\"]",
            "ONBUILD RUN echo x",
            "EXPOSE 80 8000-8001/udp",
            "COPY --from=build /dst /",
            "CMD [\"/dst/a\"]",
        ]
    );
}
