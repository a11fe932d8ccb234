//! ASCII armor: <https://www.rfc-editor.org/rfc/rfc9580#section-6.2>.

use super::PgpError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The packets of one armored block, or of several behind each other, which keyrings are. The
/// checksum is ignored, as section 6.1 has it: it protects nothing.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, PgpError> {
    let text = std::str::from_utf8(text).map_err(|_| PgpError::new("the armor is not ASCII"))?;
    let mut packets = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let kind = line.strip_prefix("-----BEGIN PGP ").and_then(|it| it.strip_suffix("-----"));
        let kind = kind.ok_or_else(|| PgpError::new("there is text outside of the armor"))?;
        // Headers, up to an empty line.
        for header in lines.by_ref().take_while(|line| !line.is_empty()) {
            if !header.contains(": ") && !header.ends_with(':') {
                return Err(PgpError::new("the armor's headers do not end in an empty line"));
            }
        }
        let end = format!("-----END PGP {kind}-----");
        let mut body = String::new();
        loop {
            let line = lines.next().ok_or_else(|| PgpError::new("the armor has no end"))?;
            if line == end {
                break;
            }
            if !line.starts_with('=') {
                body.push_str(line);
            }
        }
        let decoded = STANDARD.decode(&body);
        packets.extend(decoded.map_err(|_| PgpError::new("the armor is not base64"))?);
    }
    Ok(packets)
}

/// The packets of a file that may be armored.
pub(super) fn plain(bytes: &[u8]) -> Result<Vec<u8>, PgpError> {
    // Every packet starts with a set bit, which no text does.
    let armored = bytes.first().is_none_or(|byte| byte & 0x80 == 0);
    if armored { decode(bytes) } else { Ok(bytes.to_vec()) }
}
