//! What may be wrong with the site, its records, and the machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::clinic::Clinic;
use crate::defect::Cure;
use crate::defect::Defect;
use crate::defect::with_gate;
use crate::support;
use crate::support::bed;
use crate::support::process;

pub const DEFECTS: &[Defect] = &[
    Defect {
        name: "a reference that nobody trusts",
        plant: |clinic| drop(follow(clinic)),
        check: "source",
        level: "error",
        says: "entracte trust add",
        cure: Cure::By(believe),
    },
    Defect {
        name: "a reference whose root ends soon",
        plant: |clinic| {
            let reference = follow(clinic);
            believe(clinic);
            clinic
                .entracte
                .run(&[
                    "key",
                    "rotate",
                    "--reference",
                    &reference,
                    "--keys",
                    &clinic.path("keys"),
                    "--days",
                    "root=5",
                ])
                .code(0);
        },
        check: "source",
        level: "warning",
        says: "the root metadata expire",
        cure: Cure::By(|clinic| {
            let reference = clinic.path("reference");
            clinic
                .entracte
                .run(&[
                    "key",
                    "rotate",
                    "--reference",
                    &reference,
                    "--keys",
                    &clinic.path("keys"),
                    "--days",
                    "root=365",
                ])
                .code(0);
        }),
    },
    Defect {
        name: "a reference that does not answer",
        plant: |clinic| {
            let root = format!("{}/metadata/1.root.json", follow(clinic));
            // Nothing listens there, and nothing ever should.
            let nobody = "http://127.0.0.1:1/r/";
            clinic.entracte.run(&["trust", "add", nobody, "--root", &root]).code(0);
            clinic.set("policy", "from", nobody);
        },
        check: "source",
        level: "warning",
        says: "cannot be checked now",
        cure: Cure::By(|clinic| clinic.set("policy", "from", "inbox")),
    },
    Defect {
        name: "a vendor that nobody knows",
        plant: |clinic| clinic.set("policy", "from", "vendor"),
        check: "source",
        level: "error",
        says: "`from` under [policy]",
        cure: Cure::By(|clinic| clinic.set("policy", "from", "inbox")),
    },
    Defect {
        name: "a site that fails",
        plant: |clinic| fs::remove_file(clinic.site.path("index.php")).unwrap(),
        check: "answers",
        level: "error",
        says: "answers with status 4",
        cure: Cure::Nothing,
    },
    Defect {
        name: "a site that is not where it should be",
        plant: |clinic| clinic.set("", "url", "http://127.0.0.1:1/"),
        check: "answers",
        level: "error",
        says: "nothing answers",
        cure: Cure::Nothing,
    },
    Defect {
        name: "no baseline",
        plant: |clinic| fs::remove_file(clinic.state("installed/current.json")).unwrap(),
        check: "baseline",
        level: "error",
        says: "entracte init",
        cure: Cure::Nothing,
    },
    Defect {
        name: "a baseline taken from the live tree",
        plant: |clinic| clinic.bend("installed/current.json", "\"release\"", "\"observed\""),
        check: "baseline",
        level: "warning",
        says: "--release",
        cure: Cure::Nothing,
    },
    Defect {
        name: "a history that was altered",
        plant: |clinic| clinic.bend("history.jsonl", "adopted", "adapted"),
        check: "history",
        level: "error",
        says: "altered",
        cure: Cure::Nothing,
    },
    Defect {
        name: "a saved copy that is gone",
        plant: |clinic| fs::remove_file(clinic.run("bak/app/page.php.bak")).unwrap(),
        check: "backup-set",
        level: "error",
        says: "app/page.php is missing",
        cure: Cure::Verb(&["commit"]),
    },
    Defect {
        name: "a saved copy that is cut",
        plant: |clinic| fs::write(clinic.run("bak/index.php.bak"), "<?php").unwrap(),
        check: "backup-set",
        level: "error",
        says: "has 5 bytes",
        cure: Cure::Verb(&["commit"]),
    },
    Defect {
        name: "a saved copy that has rotted --deep",
        plant: |clinic| {
            let path = clinic.run("bak/app/deep/er.txt.bak");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace("of", "Of")).unwrap();
        },
        check: "backup-set",
        level: "error",
        says: "another digest",
        cure: Cure::Verb(&["commit"]),
    },
    Defect {
        name: "staged content that was cut",
        plant: |clinic| {
            clinic.stage_3();
            let objects = walkdir::WalkDir::new(clinic.state("staging/objects"));
            let files = objects.into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file());
            files.for_each(|file| fs::write(file.path(), "").unwrap());
        },
        check: "staged",
        level: "warning",
        says: "`entracte stage` again",
        cure: Cure::By(Clinic::stage_3),
    },
    Defect {
        name: "a folder that cannot be written",
        plant: |clinic| {
            drop(process::run("chown", &["root:root", clinic.site.path("app").to_str().unwrap()]))
        },
        check: "writable",
        level: "error",
        says: "app",
        cure: Cure::By(|clinic| bed::chown(&clinic.site.path("app"))),
    },
    Defect {
        name: "a file of somebody else",
        plant: |clinic| {
            drop(process::run("chown", &["root:root", clinic.site.path("index.php").to_str().unwrap()]))
        },
        check: "owners",
        level: "warning",
        says: "index.php",
        cure: Cure::By(|clinic| bed::chown(&clinic.site.path("index.php"))),
    },
    Defect {
        name: "a file outside that is not there",
        plant: |clinic| outside(clinic, "../none", None),
        check: "outside",
        level: "warning",
        says: "is not there",
        cure: Cure::By(|clinic| clinic.write(Path::new(&clinic.path("none")), "now it is")),
    },
    Defect {
        name: "a folder outside that holds the site",
        plant: |clinic| outside(clinic, "..", None),
        check: "outside",
        level: "error",
        says: "holds the site",
        cure: Cure::By(|clinic| outside(clinic, "../lib/deep", Some(0o644))),
    },
    Defect {
        name: "state named as outside",
        plant: |clinic| outside(clinic, "../.entracte-doctor", None),
        check: "outside",
        level: "error",
        says: "keeps its state in",
        cure: Cure::By(|clinic| outside(clinic, "../lib", Some(0o644))),
    },
    Defect {
        name: "a file outside that anybody can write",
        plant: |clinic| outside(clinic, "../lib", Some(0o666)),
        check: "outside",
        level: "error",
        says: "chmod o-w",
        cure: Cure::Fix,
    },
    Defect {
        name: "a folder outside that the owner cannot read",
        plant: |clinic| {
            outside(clinic, "../lib", Some(0o644));
            let lib = clinic.path("lib");
            process::run("sh", &["-c", &format!("chown root:root {lib} && chmod 700 {lib}")]);
        },
        check: "outside",
        level: "error",
        says: "cannot be looked at",
        cure: Cure::By(|clinic| drop(process::run("chmod", &["755", &clinic.path("lib")]))),
    },
    Defect {
        name: "a file outside of somebody else",
        plant: |clinic| {
            outside(clinic, "../lib", Some(0o644));
            process::run("chown", &["12345", &format!("{}/deep/lib.txt", clinic.path("lib"))]);
        },
        check: "outside",
        level: "warning",
        says: "uid 12345",
        cure: Cure::Fix,
    },
    Defect {
        name: "a file outside that is served",
        plant: |clinic| {
            outside(clinic, "../lib", Some(0o644));
            clinic.site.bed.put_snippet(
                "doctor",
                &format!("{}\nlocation ^~ /lib/ {{ alias {}/; }}\n", clinic.snippet, clinic.path("lib")),
            );
        },
        check: "outside",
        level: "error",
        says: "below the web root",
        cure: Cure::By(with_gate),
    },
    Defect {
        name: "a disk that fills up",
        plant: |clinic| {
            let now = jiff::Timestamp::now();
            let sample = |days: i64| {
                let at = now.checked_sub(jiff::Span::new().hours(days * 24)).unwrap();
                format!(r#"{{"at":"{at}","free":{}}}"#, days << 50)
            };
            let samples = [3, 2, 1].map(sample).join(",");
            clinic.write(&clinic.state("space.json"), &format!(r#"{{"format":1,"samples":[{samples}]}}"#));
        },
        check: "space-trend",
        level: "warning",
        says: "full in 0 days",
        cure: Cure::Nothing,
    },
    Defect {
        name: "less room than the last update needed",
        plant: |clinic| {
            let plan = clinic.run("plan.json");
            let text = fs::read_to_string(&plan).unwrap();
            let mut plan_json: Value = serde_json::from_str(&text).unwrap();
            plan_json["estimate"]["bytes_needed"] = (1u64 << 60).into();
            fs::write(&plan, plan_json.to_string()).unwrap();
        },
        check: "space",
        level: "warning",
        says: "by the last update",
        cure: Cure::Nothing,
    },
    Defect {
        name: "an opcode cache that never looks",
        plant: |clinic| clinic.set("php", "fpm", fpm(clinic, "opcache.validate_timestamps=0")),
        check: "opcache",
        level: "error",
        says: "reload = [",
        cure: Cure::By(|clinic| clinic.set("php", "reload", toml_edit::Array::from_iter(["true"]))),
    },
    Defect {
        name: "an opcode cache that looks too late",
        plant: |clinic| clinic.write(&clinic.site.path(".user.ini"), "opcache.revalidate_freq = 60\n"),
        check: "opcache",
        level: "error",
        says: "revalidate_seconds = 60.0",
        cure: Cure::By(|clinic| clinic.set("php", "revalidate_seconds", 60.0)),
    },
    Defect {
        name: "a hook for the opcode cache that is not there",
        plant: |clinic| clinic.set("php", "reload", toml_edit::Array::from_iter(["/no/such/reload"])),
        check: "opcache",
        level: "error",
        says: "/no/such/reload",
        cure: Cure::By(|clinic| clinic.set("php", "reload", toml_edit::Array::from_iter(["/bin/true"]))),
    },
    Defect {
        name: "a database that is not there",
        plant: |clinic| clinic.set("database", "url", "mysql://nobody@127.0.0.1:1/none"),
        check: "database",
        level: "error",
        says: "failed to connect",
        cure: Cure::By(|clinic| clinic.set("database", "none", true)),
    },
    Defect {
        name: "a database user who may only read",
        plant: |clinic| {
            let bed = clinic.site.bed;
            bed.make_database("reader");
            for host in ["localhost", "127.0.0.1"] {
                bed.sql("mysql", &format!("REVOKE ALL ON `reader`.* FROM 'reader'@'{host}'; GRANT SELECT ON `reader`.* TO 'reader'@'{host}'"));
            }
            let secret = clinic.state("password");
            clinic.write(&secret, "pw-reader\n");
            process::run("chmod", &["600", secret.to_str().unwrap()]);
            clinic.set("database", "url", format!("mysql://reader@127.0.0.1:{}/reader", bed.database_port));
            clinic.set("database", "password_file", secret.to_str().unwrap());
        },
        check: "database rights",
        level: "error",
        says: "GRANT INSERT",
        cure: Cure::By(|clinic| {
            let bed = clinic.site.bed;
            for host in ["localhost", "127.0.0.1"] {
                bed.sql("mysql", &format!("GRANT ALL ON `reader`.* TO 'reader'@'{host}'"));
            }
        }),
    },
];

/// The FPM of this machine, by another setting.
/// Names a path outside, where there is a library of such permissions.
fn outside(clinic: &Clinic, path: &str, mode: Option<u32>) {
    clinic.set("", "outside", toml_edit::Array::from_iter([path]));
    let Some(mode) = mode else { return };
    let file = clinic.path("lib/deep/lib.txt");
    clinic.write(Path::new(&file), "a text that is long enough to be told from any page\n");
    bed::chown(Path::new(&clinic.path("lib")));
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

fn fpm(clinic: &Clinic, setting: &str) -> String {
    let program = clinic.site.bed.folder.join("php-fpm");
    let real = support::servers::php_fpm_program();
    fs::write(&program, format!("#!/bin/sh\nexec {} -d {setting} \"$@\"\n", real.display())).unwrap();
    process::run("chmod", &["755", program.to_str().unwrap()]);
    program.to_str().unwrap().to_owned()
}

/// Publishes release 3, which the site looks for from then on; where.
fn follow(clinic: &Clinic) -> String {
    let (reference, keys) = (clinic.path("reference"), clinic.path("keys"));
    clinic.entracte.run(&["key", "new", "--keys", &keys]).code(0);
    let release = clinic.release(3);
    let what = ["publish", release.to_str().unwrap(), "--product", "generic", "--version", "3"];
    clinic.entracte.run(&[&what[..], &["--to", &reference, "--keys", &keys]].concat()).code(0);
    clinic.set("policy", "from", reference.as_str());
    reference
}

fn believe(clinic: &Clinic) {
    let reference = clinic.path("reference");
    let root = format!("{reference}/metadata/1.root.json");
    clinic.entracte.run(&["trust", "add", &reference, "--root", &root]).code(0);
}
