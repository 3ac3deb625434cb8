//! What `schedule install` writes into `entracte.toml`: the table `[schedule]`,
//! everything else as it was.

use std::path::Path;

use toml_edit::DocumentMut;
use toml_edit::Item;
use toml_edit::Table;
use toml_edit::TableLike;
use toml_edit::TomlError;
use toml_edit::Value;

use crate::base::exit::Exit;
use crate::base::exit::Fault;
use crate::schedule::due::number;
use crate::site::settings::Schedule;
use crate::site::settings::Settings;
use crate::site::settings::SettingsError;
use crate::sys::fs;
use crate::sys::fs::IoError;

#[derive(Debug, thiserror::Error)]
pub enum WrittenError {
    #[error("the settings {path} cannot be changed")]
    Text {
        path: String,
        #[source]
        source: TomlError,
    },
    #[error("`schedule` in the settings {path} is no table")]
    NoTable { path: String },
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Fault for WrittenError {
    fn exit(&self) -> Exit {
        match self {
            WrittenError::Io(error) => error.exit(),
            _ => Exit::Refused,
        }
    }
}

/// What is to be done when nobody said so: updates at a time of the early
/// morning, after the hour that changes of clocks skip or repeat; housekeeping
/// each week. Sites of one host, and hosts, do not come all at once.
pub fn usual(seed: &[u8]) -> Schedule {
    let minute = number(seed) % 120;
    let prune = number(&[seed, b"prune"].concat()) % 60;
    Schedule {
        update: Some(format!("{} {} * * *", minute % 60, 3 + minute / 60)),
        prune: Some(format!("{prune} 5 * * 0")),
        ..Schedule::default()
    }
}

/// A settings file that is ready to be written.
pub struct Ready<'a> {
    path: &'a Path,
    text: String,
    has_changed: bool,
}

/// The settings file with what `wanted` has; what it has not stays.
pub fn prepare<'a>(path: &'a Path, wanted: &Schedule) -> Result<Ready<'a>, WrittenError> {
    let old = fs::read_text(path, 1 << 20)?;
    let text = changed(path, &old, wanted)?;
    // What cannot be read again is not written.
    Settings::parse(path, &text)?;
    Ok(Ready { path, has_changed: text != old, text })
}

impl Ready<'_> {
    pub fn write(&self) -> Result<(), WrittenError> {
        if self.has_changed {
            fs::write_durable_with(self.path, self.text.as_bytes(), fs::mode(self.path)?)?;
        }
        Ok(())
    }
}

fn changed(path: &Path, text: &str, wanted: &Schedule) -> Result<String, WrittenError> {
    let mut document: DocumentMut =
        text.parse().map_err(|source| WrittenError::Text { path: fs::shown(path), source })?;
    let item = document.entry("schedule").or_insert_with(|| {
        let mut table = Table::new();
        table
            .decor_mut()
            .set_prefix("\n# When what is done unattended: minute, hour, day, month, weekday.\n");
        Item::Table(table)
    });
    let table = item.as_table_like_mut().ok_or_else(|| WrittenError::NoTable { path: fs::shown(path) })?;
    let entries = [
        ("update", &wanted.update),
        ("watch", &wanted.watch),
        ("prune", &wanted.prune),
        ("zone", &wanted.zone),
    ];
    for (name, value) in entries {
        if let Some(value) = value {
            set(table, name, value.into());
        }
    }
    if wanted.unproven {
        set(table, "unproven", true.into());
    }
    let new = document.to_string();
    // The editor knows one kind of line end.
    let are_long = text.contains("\r\n") && text.matches('\n').count() == text.matches("\r\n").count();
    Ok(if are_long { new.replace('\n', "\r\n") } else { new })
}

/// The comment beside an old value stays.
fn set(table: &mut dyn TableLike, name: &str, mut new: Value) {
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => {
            table.insert(name, Item::Value(new));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Schedule {
        Schedule {
            update: Some("17 3 * * *".into()),
            zone: Some("Europe/Paris".into()),
            ..Schedule::default()
        }
    }

    fn change(text: &str) -> String {
        changed(Path::new("/x/entracte.toml"), text, &wanted()).unwrap()
    }

    #[test]
    fn comments_and_order_stay() {
        let new = "\n# When what is done unattended: minute, hour, day, month, weekday.\n[schedule]\nupdate = \"17 3 * * *\"\nzone = \"Europe/Paris\"\n";
        let old = "# mine\nformat = 1 # one\n\n[gate]\nkind = \"none\"\n# the end\n";
        assert!(
            change(old).starts_with("# mine\nformat = 1 # one\n\n[gate]\nkind = \"none\"\n"),
            "{}",
            change(old)
        );
        assert!(
            change(old).contains("# the end\n") && change(old).contains(new.trim_end()),
            "{}",
            change(old)
        );
        assert_eq!(change(&change(old)), change(old));
        let old =
            "[schedule]\n# at night\nprune = \"@weekly\"\nupdate   =  \"1 1 * * *\"  # was mine\n[gate]\n";
        assert_eq!(
            change(old),
            "[schedule]\n# at night\nprune = \"@weekly\"\nupdate   =  \"17 3 * * *\"  # was mine\nzone = \"Europe/Paris\"\n[gate]\n"
        );
        assert_eq!(
            change("schedule = { update = \"1 1 * * *\" }\n"),
            "schedule = { update = \"17 3 * * *\" , zone = \"Europe/Paris\" }\n"
        );
        let dotted = "schedule.update = \"1 1 * * *\" # mine\n\n[gate]\nkind = \"none\"\n";
        assert!(
            change(dotted).starts_with("schedule.update = \"17 3 * * *\" # mine\n"),
            "{}",
            change(dotted)
        );
        assert!(change(dotted).contains("schedule.zone = \"Europe/Paris\"\n"), "{}", change(dotted));
        // Line ends as they are, the last one included.
        for old in ["format = 1\r\n[gate]\r\nkind = \"none\"\r\n", "format = 1"] {
            assert!(change(old).starts_with(old), "{:?}", change(old));
        }
        assert!(changed(Path::new("/x"), "schedule = 1\n", &wanted()).is_err());
    }

    #[test]
    fn mode_stays_and_nonsense_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("entracte.toml");
        let text = b"format = 1\nroot = \"/srv\"\nprofile = \"generic\"\n";
        fs::write_durable_with(&path, text, 0o640).unwrap();
        prepare(&path, &wanted()).unwrap().write().unwrap();
        assert_eq!(fs::mode(&path).unwrap(), 0o640);
        assert_eq!(Settings::load(&path).unwrap().schedule, wanted());
        fs::write_durable(&path, b"format = 2\n").unwrap();
        assert!(prepare(&path, &wanted()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"format = 2\n");
    }

    #[test]
    fn the_usual_times_are_of_the_early_morning_and_spread() {
        use crate::schedule::cron::tests::expression;
        let mut hours = [0; 24];
        for site in 0..300 {
            let usual = usual(format!("/srv/{site}").as_bytes());
            let text = usual.update.unwrap();
            let next = expression(&text, "UTC").after("2026-11-21T12:00:00Z".parse().unwrap()).unwrap();
            hours[usize::from(next.hour() as u8)] += 1;
            expression(&usual.prune.unwrap(), "UTC");
            assert_eq!(usual.watch, None);
        }
        assert!(hours[3] > 100 && hours[4] > 100 && hours[3] + hours[4] == 300, "{hours:?}");
    }
}
