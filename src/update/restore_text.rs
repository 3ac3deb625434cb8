//! `RESTORE.txt`: how to put everything back by hand, with `cp` and `mysql`
//! alone, when there is no entracte to do it.

use std::path::Path;

use crate::database::address::Address;
use crate::sys::fs;
use crate::update::databases;
use crate::update::databases::Kept;
use crate::update::error::StepError;
use crate::update::operations::Act;
use crate::update::work::Work;

pub fn write(work: &Work) -> Result<String, StepError> {
    let plan = &work.run.plan.sealed;
    let mut text = format!(
        "How to go back from {} to {} by hand, without entracte.\n\n\
         `entracte rollback` does all of this, and checks it. Do it by hand only where entracte cannot run.\n\
         Work as the owner of the site's files. The site: {}\n",
        plan.to.version,
        plan.from.version,
        fs::shown(&work.site.root)
    );
    text += &files(work)?;
    text += &saved(work);
    text += &database(work);
    text += &gate(work);
    Ok(text)
}

fn files(work: &Work) -> Result<String, StepError> {
    let Some(record) = work.record()? else { return Ok(String::new()) };
    let workshop = work.workshop()?;
    let of = |act: Act| record.moves.iter().filter(move |this| this.operation.act == act);
    let mut text = String::from("\n1. Files\n\nTake away what the update brought (only what is there):\n\n");
    for this in of(Act::Place) {
        text += &format!("  rm -f {}\n", quoted(&work.site.root.join(this.operation.path.as_path())));
    }
    for this in of(Act::MakeFolder).collect::<Vec<_>>().iter().rev() {
        text += &format!("  rmdir {}\n", quoted(&work.site.root.join(this.operation.path.as_path())));
    }
    text += "\nPut back what it replaced or removed (a copy that is not there was never replaced):\n\n";
    for this in of(Act::RemoveFolder).collect::<Vec<_>>().iter().rev() {
        text += &format!("  mkdir -p {}\n", quoted(&work.site.root.join(this.operation.path.as_path())));
    }
    for this in of(Act::Exchange).chain(of(Act::Withdraw)) {
        let path = &this.operation.path;
        let from = workshop.bak.full(&workshop.bak_path(path)?);
        text += &format!("  cp -pP {} {}\n", quoted(&from), quoted(&work.site.root.join(path.as_path())));
    }
    Ok(text)
}

fn saved(work: &Work) -> String {
    let folder = &work.run.folder;
    // What the lock had changed comes last: it stands there as it was unlocked.
    let commands: String = [folder.saved(), folder.saved_lock()]
        .iter()
        .filter(|saved| fs::is_folder(saved))
        .map(|saved| format!("  cp -a {}/. {}/\n", quoted(saved), quoted(&work.site.root)))
        .collect();
    match commands.is_empty() {
        true => commands,
        false => format!("\n2. Files that scripts may have changed\n\n{commands}"),
    }
}

fn database(work: &Work) -> String {
    let commands: String =
        databases::kept(work).iter().flatten().filter_map(|kept| command(work, kept)).collect();
    match commands.is_empty() {
        true => commands,
        false => format!(
            "\n3. The database\n\n{commands}Tables that the update made stay; drop them if they disturb.\n"
        ),
    }
}

fn command(work: &Work, kept: &Kept) -> Option<String> {
    let dump = work.run.folder.dump(kept.number);
    let is_there = fs::is_folder(&dump);
    is_there.then(|| match kept.address() {
        Address::MySql(address) => {
            let file = quoted(&dump.join("dump.sql.zst"));
            format!(
                "  zstd -dc {file} | mysql --comments NAME        (NAME, user and host as in the settings: {address})\n"
            )
        }
        Address::Sqlite(path) => format!("  cp {} {}\n", quoted(&dump.join("dump.sqlite")), quoted(path)),
    })
}

fn gate(work: &Work) -> String {
    format!(
        "\n4. Open the site\n\n  rm -f {}\nIf a block between `# BEGIN entracte gate` and `# END entracte gate` stands in the site's .htaccess, take it out.\n",
        quoted(&work.site.state.gate().join("closed"))
    )
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}
