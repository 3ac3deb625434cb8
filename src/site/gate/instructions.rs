//! What an administrator has to do once, in words and lines to paste.

use crate::site::gate::nginx;
use crate::site::gate::setup::Kind;
use crate::site::gate::setup::Setup;
use crate::site::gate::user_ini;

/// The text of `gate show`. It holds the pass where a server needs it.
pub fn text(setup: &Setup) -> String {
    match &setup.kind {
        Kind::Nginx => format!(
            "Paste this into the site's `server {{ }}`, above its locations, then run `nginx -t` and reload.\n\
             Keep the file readable by root only: it holds the pass. The workers must be able to reach\n\
             {}.\n\n{}",
            setup.folder.display(),
            nginx::snippet(&setup.folder, &setup.url_path, &setup.pass)
        ),
        Kind::Apache => "Nothing to do once: closing puts a marked block on top of .htaccess, opening gives the \
                         original back.\nThe server must say `AllowOverride All` (or `FileInfo`) for the site.\n"
            .into(),
        Kind::Prepend => format!(
            "PHP must run the guard before every script. `entracte gate install` writes this to .user.ini \
             (PHP-FPM and CGI):\n\n{}\nWith mod_php put this into .htaccess instead:\n\n\
             php_value auto_prepend_file \"{}\"\n\n\
             PHP reads .user.ini again after user_ini.cache_ttl seconds (300 unless changed): wait that long before\n\
             the first close. Files that PHP does not serve (images, styles, uploads) stay open. Take the line away\n\
             before the folder: PHP stops every page when the guard is missing.\n",
            user_ini::line(&setup.folder),
            user_ini::guard_path(&setup.folder)
        ),
        Kind::WordPress => "Nothing to do once. WordPress itself looks for .maintenance: files that PHP does not \
                            serve stay open, and while WordPress's own code is replaced so is what answers. \
                            Prefer apache, nginx or prepend.\n"
            .into(),
        Kind::Command { close, open } => format!(
            "Nothing to do once. Closing runs {close:?}, opening runs {open:?}, both in the site's folder.\n"
        ),
        Kind::None => "This site has no gate: visitors see the update while it happens.\n".into(),
    }
}
