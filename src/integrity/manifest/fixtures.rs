//! Manifests for tests.

use crate::base::digest::Sha256;
use crate::integrity::manifest::Manifest;

/// One that lists these paths with these texts.
pub fn manifest(files: &[(&str, &str)]) -> Manifest {
    let line = |(path, text): &(&str, &str)| {
        let (size, sha256) = (text.len(), Sha256::of(text.as_bytes()));
        format!(r#"{{"path": "{path}", "size": {size}, "sha256": "{sha256}"}}"#)
    };
    let files = files.iter().map(line).collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"format": 1, "product": "p", "version": "1", "time": "2026-01-01T00:00:00Z", "files": [{files}]}}"#
    );
    Manifest::parse(text.as_bytes()).unwrap()
}
