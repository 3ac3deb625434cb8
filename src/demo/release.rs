//! The two releases of the demo's site, which ship inside the program.

use std::path::Path;

use crate::sys::fs;
use crate::sys::fs::IoError;

/// Path and content of each file.
type Files = &'static [(&'static str, &'static str)];

const OLD: Files = &[
    ("VERSION", include_str!("site/v1/VERSION")),
    ("static/old-banner.txt", include_str!("site/v1/static/old-banner.txt")),
    ("static/style.css", include_str!("site/v1/static/style.css")),
    ("templates/home.html", include_str!("site/v1/templates/home.html")),
    ("templates/page.html", include_str!("site/v1/templates/page.html")),
];

const NEW: Files = &[
    ("VERSION", include_str!("site/v2/VERSION")),
    ("run_once/020_gallery.sh", include_str!("site/v2/run_once/020_gallery.sh")),
    ("schema/020_summaries.sql", include_str!("site/v2/schema/020_summaries.sql")),
    ("static/style.css", include_str!("site/v2/static/style.css")),
    ("templates/home.html", include_str!("site/v2/templates/home.html")),
    ("templates/page.html", include_str!("site/v2/templates/page.html")),
];

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    Old,
    New,
}

impl Release {
    pub fn version(self) -> &'static str {
        match self {
            Release::Old => "1.0",
            Release::New => "2.0",
        }
    }

    /// Writes the release's files into `folder`.
    pub fn write(self, folder: &Path) -> Result<(), IoError> {
        let files = match self {
            Release::Old => OLD,
            Release::New => NEW,
        };
        for (name, content) in files {
            let path = folder.join(name);
            fs::create_folders(path.parent().unwrap_or(folder), 0o755)?;
            fs::write_durable_with(&path, content.as_bytes(), 0o644)?;
        }
        Ok(())
    }
}
