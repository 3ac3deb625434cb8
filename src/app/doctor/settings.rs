//! The state folder: who can look into it.

use crate::base::check::Check;
use crate::site::state::State;
use crate::sys::fs;

/// What belongs to nobody else's eyes.
pub fn of_state(state: &State) -> Vec<Check> {
    const NAME: &str = "state";
    let private =
        [state.installed(), state.inbox(), state.incoming(), state.staging(), state.runs(), state.runner()];
    let files = [state.gate_pass(), state.history()];
    let open = private.iter().chain(&files).filter(|path| fs::mode(path).is_ok_and(|mode| mode & 0o077 != 0));
    let open: Vec<String> = open.map(|path| fs::shown(path)).collect();
    vec![match open.len() {
        0 => Check::ok(NAME, format!("{} is the site owner's alone", fs::shown(state.folder()))),
        count => Check::error(
            NAME,
            format!("other users can look into {count} of its folders and files"),
            format!("chmod go= {}", open.join(" ")),
        ),
    }]
}
