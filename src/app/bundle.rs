//! `bundle`: a release for machines without network.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::failure::Failure;
use crate::app::report::Answer;
use crate::release::publish::bundle;
use crate::release::publish::bundle::Wanted;
use crate::sys::fs;

/// What goes into the bundle, and where it goes.
#[derive(Clone, Debug)]
pub struct Request {
    pub reference: PathBuf,
    pub version: String,
    pub product: Option<String>,
    pub from_version: Option<String>,
    pub url: Option<String>,
    pub output: PathBuf,
}

#[derive(Clone, Debug, Serialize)]
pub struct BundleView {
    pub product: String,
    pub version: String,
    /// The archive or the pack that is in it.
    pub content: String,
    pub output: String,
    pub bytes: u64,
}

pub fn bundle(request: &Request) -> Result<Answer<BundleView>, Failure> {
    let wanted = Wanted {
        product: request.product.as_deref(),
        version: &request.version,
        from: request.from_version.as_deref(),
        url: request.url.as_deref().unwrap_or_default(),
    };
    let bundled = bundle::bundle(&request.reference, wanted, &request.output)?;
    Ok(Answer::done(BundleView {
        product: bundled.about.product,
        version: bundled.about.version,
        content: bundled.content,
        output: fs::shown(&request.output),
        bytes: bundled.bytes,
    }))
}
