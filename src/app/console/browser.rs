//! The person's own browser, told where to go.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::app::failure::Failure;
use crate::base::exit::Exit;
use crate::base::secret::Secret;
use crate::sys::env;
use crate::sys::fs;
use crate::sys::fs::IoError;
use crate::sys::process;
use crate::sys::random;

/// A page that leads to the link. Who lists processes sees the arguments of
/// all of them, so that the link itself is not one. Gone with its owner.
#[derive(Debug)]
pub struct Signpost(PathBuf);

/// Opens `link`, which holds none of HTML's own letters.
pub fn open(link: &Secret) -> Result<Signpost, Failure> {
    let program = process::find("xdg-open")
        .ok_or_else(|| Failure::new(Exit::Refused, "there is no xdg-open that could start a browser here"))?;
    let folder = env::variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| is_private(folder));
    let folder = folder.unwrap_or_else(env::temporary_folder);
    let signpost = Signpost(folder.join(format!("entracte-{}.html", random::hex(16))));
    let mut file = fs::create_new(&signpost.0)?;
    fs::set_mode_of(&file, &signpost.0, 0o600)?;
    let text = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={}\">\n",
        link.reveal()
    );
    file.write_all(text.as_bytes()).map_err(|source| IoError::new("write", &signpost.0, source))?;
    process::start_aside(&program, &signpost.0)?;
    Ok(signpost)
}

fn is_private(folder: &Path) -> bool {
    let is_ours = fs::owner(folder).is_ok_and(|(uid, _)| uid == env::user_id());
    is_ours && fs::mode(folder).is_ok_and(|mode| mode & 0o077 == 0)
}

impl Drop for Signpost {
    fn drop(&mut self) {
        // It leads nowhere any more once the link is used.
        let _ = fs::remove_file_if_present(&self.0);
    }
}
