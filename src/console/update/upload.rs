//! Archives that a browser sends: piece by piece by the script, which goes on
//! where the line broke, or as one file of a plain form.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::app::failure::Failure;
use crate::app::upload::UploadError;
use crate::app::upload::Uploads;
use crate::app::upload::Wanted;
use crate::console::ask::Ask;
use crate::console::reply::Reply;
use crate::console::reply::Wrong;
use crate::console::update::see;
use crate::console::update::with_query;

type Said = Result<Reply, Wrong>;

/// Begins one: `name`, `size`, and `mark`, which tells files of one name apart.
pub fn begin(ask: &mut Ask) -> Said {
    let size = ask.form.get("size").parse();
    let size = size.map_err(|_| Wrong::Question("size is no number of bytes".into()))?;
    let wanted = Wanted { name: ask.form.get("name"), size, mark: ask.form.get("mark"), by: ask.person() };
    Ok(said(Uploads::of(ask.place()?)?.begin(&wanted)))
}

/// How far one has come.
pub fn find(ask: &mut Ask) -> Said {
    Ok(said(Uploads::of(ask.place()?)?.find(ask.parts.get("upload"))))
}

/// The bytes from `upload-offset` on.
pub fn add(ask: &mut Ask) -> Said {
    let offset = ask.headers.get("upload-offset").parse();
    let offset = offset.map_err(|_| Wrong::Question("upload-offset is no number of bytes".into()))?;
    let uploads = Uploads::of(ask.place()?)?;
    Ok(said(uploads.add(ask.parts.get("upload"), offset, &mut ask.body)))
}

pub fn finish(ask: &mut Ask) -> Said {
    let arrived = Uploads::of(ask.place()?)?.finish(ask.parts.get("upload"));
    Ok(said(arrived.map(|arrived| {
        json!({"name": arrived.name, "size": arrived.size, "sha256": arrived.sha256.to_string(), "next": next(ask, &arrived.name)})
    })))
}

/// From a button of the page, with or without a script.
pub fn cancel(ask: &mut Ask) -> Said {
    Uploads::of(ask.place()?)?.cancel(ask.parts.get("upload")).map_err(Failure::from)?;
    Ok(see(ask, "/update/source"))
}

/// The whole file in a form.
pub fn file(ask: &mut Ask) -> Said {
    let uploads = Uploads::of(ask.place()?)?;
    let name = ask.form.get("file").to_owned();
    if name.is_empty() {
        return Err(Wrong::Question(ask.words.t("update.no_file")));
    }
    // The form around it is a little longer than the file.
    let most = ask.headers.get("content-length").parse().ok();
    let person = ask.person().to_owned();
    let arrived = uploads.take_whole(&name, most, &person, &mut ask.body).map_err(Failure::from)?;
    Ok(Reply::See(next(ask, &arrived.name)))
}

fn next(ask: &Ask, name: &str) -> String {
    with_query(&format!("/sites/{}/update/source", ask.parts.get("site")), &[("arrived", name)])
}

/// As the script reads it: what there is, or why not, and where to go on from.
fn said<T: Serialize>(result: Result<T, UploadError>) -> Reply {
    match result {
        Ok(value) => Reply::Json(StatusCode::OK, json!(value).to_string()),
        Err(error) => {
            let (status, offset) = (status(&error), offset(&error));
            let failure = Failure::from(error);
            let message = [vec![failure.message], failure.causes].concat().join(": ");
            let text = json!({"message": message, "hints": failure.hints, "offset": offset});
            Reply::Json(status, text.to_string())
        }
    }
}

fn status(error: &UploadError) -> StatusCode {
    match error {
        UploadError::Name { .. } | UploadError::Empty | UploadError::TooMuch { .. } => {
            StatusCode::BAD_REQUEST
        }
        // 413 is what a proxy says of a piece that is too large for it.
        UploadError::TooLarge { .. } | UploadError::Exists { .. } | UploadError::Several { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        UploadError::Unknown => StatusCode::NOT_FOUND,
        UploadError::Offset { .. } | UploadError::Short { .. } => StatusCode::CONFLICT,
        UploadError::Busy => StatusCode::LOCKED,
        UploadError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
        UploadError::Broken { .. } => StatusCode::REQUEST_TIMEOUT,
        UploadError::Io(error) if error.source.kind() == std::io::ErrorKind::StorageFull => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        UploadError::Damaged { .. } | UploadError::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn offset(error: &UploadError) -> Option<u64> {
    match error {
        UploadError::Offset { expected } => Some(*expected),
        UploadError::Short { offset, .. } => Some(*offset),
        _ => None,
    }
}
