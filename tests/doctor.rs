//! A site that is well is said to be; each defect, planted, is found by its
//! name, and what the fix says mends it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::OnceLock;

use serde_json::Value;

use support::bed;
use support::bed::Bed;
use support::bed::Server;
use support::effort;
use support::faketime;
use support::process;
use support::run::Entracte;
use support::site::TestSite;
use support::small::SmallSite;
use support::snapshot::Tree;
use support::update;

/// A small PHP site on nginx, updated once from 1 to 2, laid down again for each test.
struct Clinic {
    site: TestSite,
    entracte: Entracte,
    template: PathBuf,
    /// What nginx has to know of the gate.
    snippet: String,
}

static CLINIC: OnceLock<Mutex<Clinic>> = OnceLock::new();

impl Clinic {
    /// Does something to the site as it was at first, alone.
    fn with(treat: impl FnOnce(&Clinic)) {
        let clinic = CLINIC.get_or_init(|| Mutex::new(Clinic::open()));
        let clinic = clinic.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        clinic.lay();
        treat(&clinic);
    }

    fn open() -> Clinic {
        let (bed, name) = (Bed::shared(), "doctor".to_owned());
        let parent = bed.make_parent(&name);
        let site = TestSite { bed, folder: parent.join(&name), name, has_database: false, volatile: &[] };
        for version in [1, 2, 3] {
            lay_down(&bed.folder.join(format!("release-{version}")), version);
        }
        lay_down(&site.folder, 1);
        bed::chown(&parent);
        let entracte = update::adopt(&site, Server::Nginx, &bed.folder.join("release-1"));
        let template = parent.with_file_name("template");
        let snippet = fs::read_to_string(bed.folder.join("conf/snippets/site-doctor.conf")).unwrap();
        let clinic = Clinic { site, entracte, template, snippet };
        let update = ["update", "--yes", "--foreground", "--complete", "--version", "2", "--from"];
        clinic.entracte.json(&[&update[..], &[clinic.release(2).to_str().unwrap()]].concat()).code(0);
        process::run("cp", &["-a", parent.to_str().unwrap(), clinic.template.to_str().unwrap()]);
        clinic
    }

    fn lay(&self) {
        let snippet = self.site.bed.folder.join("conf/snippets/site-doctor.conf");
        if fs::read_to_string(snippet).unwrap() != self.snippet {
            self.site.bed.put_snippet("doctor", &self.snippet);
        }
        let parent = self.site.folder.parent().unwrap();
        process::run("rm", &["-rf", parent.to_str().unwrap()]);
        process::run("cp", &["-a", self.template.to_str().unwrap(), parent.to_str().unwrap()]);
    }

    fn release(&self, version: u32) -> PathBuf {
        self.site.bed.folder.join(format!("release-{version}"))
    }

    fn state(&self, inside: &str) -> PathBuf {
        self.site.folder.with_file_name(".entracte-doctor").join(inside)
    }

    fn write(&self, path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        bed::chown(path);
    }

    /// Sets one setting, as the owner would with an editor.
    fn set(&self, table: &str, name: &str, value: impl Into<toml_edit::Value>) {
        let path = self.state("entracte.toml");
        let mut document: toml_edit::DocumentMut = fs::read_to_string(&path).unwrap().parse().unwrap();
        match table {
            "" => document[name] = toml_edit::value(value),
            table => document[table][name] = toml_edit::value(value),
        }
        fs::write(&path, document.to_string()).unwrap();
    }

    fn bend(&self, path: &str, from: &str, to: &str) {
        let path = self.state(path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    /// In the folder of the one run.
    fn run(&self, inside: &str) -> PathBuf {
        let runs = fs::read_dir(self.state("runs")).unwrap().map(|entry| entry.unwrap().path());
        runs.min().unwrap().join(inside)
    }

    fn stage_3(&self) {
        let from = self.release(3);
        let stage = ["stage", "--complete", "--version", "3", "--from", from.to_str().unwrap()];
        self.entracte.json(&stage).code(0);
    }

    fn begin_3(&self, apply: &[&str], fault: &str) {
        self.stage_3();
        update::plan_and_approve(&self.entracte);
        let faulty = Entracte::with_fault(&self.site.folder, fault);
        faulty.run(&[&["apply", "--foreground"], apply].concat());
    }
}

fn lay_down(folder: &Path, version: u32) {
    for (path, text) in [
        ("index.php", format!("<?php require 'app/page.php'; page('{version}');\n")),
        (
            "app/page.php",
            format!("<?php function page($v) {{ echo \"<title>of $v</title>\"; }} // {version}\n"),
        ),
        ("app/deep/er.txt", format!("of {version}\n")),
        ("style.css", "body { color: red }\n".into()),
    ] {
        fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        fs::write(folder.join(path), text).unwrap();
    }
}

/// All checks, by whatever exit they deserve.
#[track_caller]
fn checks(entracte: &Entracte, more: &[&str]) -> Vec<Value> {
    let answer = entracte.json(&[&["doctor"], more].concat());
    let checks = answer.result["checks"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone();
    let worst = checks.iter().any(|check| check["level"] == "error");
    assert_eq!(answer.exit, if worst { 7 } else { 0 }, "{answer:?}");
    checks
}

#[track_caller]
fn find<'c>(checks: &'c [Value], name: &str) -> &'c Value {
    let found: Vec<&Value> = checks.iter().filter(|check| check["name"] == name).collect();
    assert_eq!(found.len(), 1, "{name}: {checks:#?}");
    found[0]
}

fn bad(checks: &[Value]) -> Vec<&Value> {
    checks.iter().filter(|check| check["level"] != "ok").collect()
}

/// One test a bed: it takes longer to make than all of these.
#[test]
fn a_site_that_is_well_is_said_to_be() {
    nothing_is_found_and_nothing_changes();
    while_others_work();
    what_people_read();
}

#[test]
fn each_defect_is_found_and_its_fix_mends_it() {
    DEFECTS.iter().for_each(each);
    by_another_clock();
    certificates();
    effort::tried("defects found by the doctor", DEFECTS.len() as u64);
}

fn nothing_is_found_and_nothing_changes() {
    Clinic::with(|clinic| {
        let parent = clinic.site.folder.parent().unwrap();
        let before = Tree::of(parent);
        for more in [&[][..], &["--deep"]] {
            let checks = checks(&clinic.entracte, more);
            assert!(bad(&checks).is_empty(), "{:#?}", bad(&checks));
            assert!(checks.len() > 20, "{checks:#?}");
        }
        let page = fs::read_to_string("docs/doctor.md").unwrap();
        for check in checks(&clinic.entracte, &[]) {
            assert!(page.contains(&format!("`{}`", check["name"].as_str().unwrap())), "{check:#}");
        }
        before.assert_same(&Tree::of(parent).without(&[".entracte-doctor/space.json"]), "after the doctor");
        let text = clinic.entracte.run(&["doctor"]).code(0).stdout;
        insta::assert_snapshot!(text, @"
        fine: state, settings, run, lock, backup-set, history, baseline, last-update, last-watch, answers, clock, certificate, privacy, privacy-of-backups, gate, closed, gate-effective, maintenance, writable, owners, staged, space, inodes, quota, space-trend, database, auto-updater, opcache
        28 checks: 0 errors, 0 warnings
        ");
        let told = clinic.entracte.run(&["doctor", "-v"]).code(0).stdout;
        assert!(told.contains("fine baseline: version 2, 4 files, known by the release"), "{told}");
    });
}

fn while_others_work() {
    Clinic::with(|clinic| {
        let lock = fs::File::open(clinic.state("lock")).unwrap();
        lock.lock().unwrap();
        let checks = checks(&clinic.entracte, &[]);
        assert!(bad(&checks).is_empty(), "{:#?}", bad(&checks));
        let run = find(&checks, "run");
        assert!(run["detail"].as_str().unwrap().contains("works on the site now"), "{run:#}");
    });
}

fn what_people_read() {
    Clinic::with(|clinic| {
        clinic.set("", "url", "http://127.0.0.1:1/");
        process::run("chmod", &["666", clinic.state("lock").to_str().unwrap()]);
        fs::remove_file(clinic.state("installed/current.json")).unwrap();
        let text = clinic.entracte.run(&["doctor"]).code(7).stdout;
        let text = text.replace(clinic.site.folder.parent().unwrap().to_str().unwrap(), "PARENT");
        insta::assert_snapshot!(text, @"
        error baseline: nothing is recorded as installed
          fix: adopt the site anew: move the state folder away, then `entracte init`
        error answers: nothing answers at http://127.0.0.1:1/: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)
          fix: is the web server running, and can this machine reach itself by that name?
        warning lock: other users can open the site's lock, and so hold it
          fix: chmod 600 PARENT/.entracte-doctor/lock
        warning privacy: unknown: nobody answered who could hand out what entracte keeps
          fix: set `url` in entracte.toml, or mend what `answers` says
        warning gate: nothing answers at http://127.0.0.1:1/
          fix: check `url` in entracte.toml
        fine: state, settings, run, backup-set, history, last-update, last-watch, clock, certificate, closed, maintenance, staged, space, inodes, quota, space-trend, database, auto-updater
        23 checks: 2 errors, 3 warnings
        ");
    });
}

/// How a defect goes away again.
enum Cure {
    /// The fix is a command line.
    Fix,
    /// The fix, done by a function.
    By(fn(&Clinic)),
    /// By a verb that the fix names.
    Verb(&'static [&'static str]),
    /// It takes more than a test has.
    Nothing,
}

struct Defect {
    name: &'static str,
    plant: fn(&Clinic),
    check: &'static str,
    level: &'static str,
    /// What detail and fix say.
    says: &'static str,
    cure: Cure,
}

fn each(defect: &Defect) {
    Clinic::with(|clinic| {
        let Defect { name, check, .. } = defect;
        (defect.plant)(clinic);
        let more: &[&str] = if name.ends_with("--deep") { &["--deep"] } else { &[] };
        let sick = checks(&clinic.entracte, more);
        let found = find(&sick, check);
        assert_eq!(found["level"], defect.level, "{name}: {found:#}, {:#?}", bad(&sick));
        let (detail, fix) = (found["detail"].as_str().unwrap(), found["fix"].as_str().unwrap());
        assert!(format!("{detail} | {fix}").contains(defect.says), "{name}: {found:#}");
        assert!(!fix.is_empty(), "{name}: {found:#}");
        match &defect.cure {
            Cure::Fix => drop(process::run("sh", &["-c", fix])),
            Cure::By(mend) => mend(clinic),
            Cure::Verb(verb) => drop(clinic.entracte.run(verb).code(0)),
            Cure::Nothing => return,
        }
        let well = checks(&clinic.entracte, more);
        assert_eq!(find(&well, check)["level"], "ok", "{name}: {:#?}", bad(&well));
    });
}

fn without_gate(clinic: &Clinic) {
    clinic.site.bed.put_snippet("doctor", "");
}

fn with_gate(clinic: &Clinic) {
    clinic.site.bed.put_snippet("doctor", &clinic.snippet);
}

fn flag(clinic: &Clinic) {
    let text = r#"{"format":1,"reason":"to 3","by":"20200101-000000-abcd","since":"2026-01-01T05:00:00Z","retry_after":60}"#;
    clinic.write(&clinic.state("gate/closed"), text);
}

fn old(path: &Path) {
    process::run("touch", &["-d", "1 hour ago", path.to_str().unwrap()]);
}

const DEFECTS: &[Defect] = &[
    Defect {
        name: "settings that anybody can write",
        plant: |clinic| {
            drop(process::run("chmod", &["666", clinic.state("entracte.toml").to_str().unwrap()]))
        },
        check: "settings",
        level: "error",
        says: "written by others",
        cure: Cure::Fix,
    },
    Defect {
        name: "a setting that is mistyped",
        plant: |clinic| clinic.bend("entracte.toml", "drain_seconds", "drain_second"),
        check: "settings",
        level: "error",
        says: "drain_second",
        cure: Cure::By(|clinic| clinic.bend("entracte.toml", "drain_second", "drain_seconds")),
    },
    Defect {
        name: "runs that anybody can look into",
        plant: |clinic| drop(process::run("chmod", &["755", clinic.state("runs").to_str().unwrap()])),
        check: "state",
        level: "error",
        says: "chmod go=",
        cure: Cure::Fix,
    },
    Defect {
        name: "a lock that anybody can hold",
        plant: |clinic| drop(process::run("chmod", &["666", clinic.state("lock").to_str().unwrap()])),
        check: "lock",
        level: "warning",
        says: "chmod 600",
        cure: Cure::Fix,
    },
    Defect {
        name: "nginx that was never told of the gate",
        plant: without_gate,
        check: "gate",
        level: "error",
        says: "entracte gate show",
        cure: Cure::By(with_gate),
    },
    Defect {
        name: "no gate at all",
        plant: |clinic| clinic.set("gate", "kind", "none"),
        check: "gate",
        level: "warning",
        says: "`kind` under [gate]",
        cure: Cure::By(|clinic| clinic.set("gate", "kind", "nginx")),
    },
    Defect {
        name: "a guard that PHP does not run",
        plant: |clinic| {
            without_gate(clinic);
            clinic.set("gate", "kind", "prepend");
        },
        check: "gate",
        level: "error",
        says: "entracte gate install",
        cure: Cure::By(|clinic| {
            clinic.entracte.run(&["gate", "install"]).code(0);
            // Each worker of PHP notices it in its own time.
            let log = clinic.site.bed.folder.join("log/php.log");
            let mut in_a_row = 0;
            process::wait_for("the guard", &log, || {
                let is_well = find(&checks(&clinic.entracte, &[]), "gate")["level"] == "ok";
                in_a_row = if is_well { in_a_row + 1 } else { 0 };
                in_a_row > 3
            });
        }),
    },
    Defect {
        name: "closed by hand",
        plant: |clinic| drop(clinic.entracte.run(&["close", "--for", "a new disk"]).code(0)),
        check: "closed",
        level: "warning",
        says: "entracte open",
        cure: Cure::Verb(&["open"]),
    },
    Defect {
        name: "closed for a run that is over",
        plant: flag,
        check: "closed",
        level: "error",
        says: "no such run is open",
        cure: Cure::Verb(&["open"]),
    },
    Defect {
        name: "closed, and the web server lets visitors in",
        plant: |clinic| {
            without_gate(clinic);
            flag(clinic);
        },
        check: "gate-effective",
        level: "error",
        says: "visitors get 200",
        cure: Cure::By(with_gate),
    },
    Defect {
        name: "WordPress's flag left behind",
        plant: |clinic| {
            clinic.set("", "profile", "wordpress");
            clinic.write(&clinic.site.path(".maintenance"), "<?php $upgrading = 1; ?>");
            old(&clinic.site.path(".maintenance"));
        },
        check: "maintenance",
        level: "error",
        says: "rm ",
        cure: Cure::Fix,
    },
    Defect {
        name: "Nextcloud's maintenance mode left on",
        plant: |clinic| {
            clinic.set("", "profile", "nextcloud");
            let config = clinic.site.path("config/config.php");
            clinic.write(&config, "<?php $CONFIG = array ('maintenance' => true);\n");
            old(&config);
        },
        check: "maintenance",
        level: "error",
        says: "maintenance:mode --off",
        cure: Cure::By(|clinic| {
            let config = clinic.site.path("config/config.php");
            clinic.write(&config, "<?php $CONFIG = array ('maintenance' => false);\n");
        }),
    },
    Defect {
        name: "YACS switched off",
        plant: |clinic| {
            clinic.set("", "profile", "yacs");
            clinic.write(&clinic.site.path("parameters/switch.off"), "");
            old(&clinic.site.path("parameters/switch.off"));
        },
        check: "maintenance",
        level: "error",
        says: "switch.on",
        cure: Cure::Fix,
    },
    Defect {
        name: "a run that was stopped",
        plant: |clinic| clinic.begin_3(&["--stop-before", "swap"], ""),
        check: "run",
        level: "warning",
        says: "stopped before swap",
        cure: Cure::Verb(&["resume", "--foreground"]),
    },
    Defect {
        name: "a run whose process died",
        plant: |clinic| clinic.begin_3(&[], "swap.operation:2=kill"),
        check: "run",
        level: "error",
        says: "a process that died",
        cure: Cure::Verb(&["rollback", "--foreground"]),
    },
    Defect {
        name: "closed for a run whose process died",
        plant: |clinic| clinic.begin_3(&[], "swap.operation:2=kill"),
        check: "closed",
        level: "error",
        says: "entracte rollback",
        cure: Cure::Verb(&["rollback", "--foreground"]),
    },
    Defect {
        name: "a state that is served",
        plant: serve_state,
        check: "privacy",
        level: "error",
        says: "forbid /.entracte",
        cure: Cure::By(with_gate),
    },
    Defect {
        name: "saved copies that are served",
        plant: serve_state,
        check: "privacy-of-backups",
        level: "error",
        says: "forbid /.entracte",
        cure: Cure::By(with_gate),
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
            fs::write(files.last().unwrap().path(), "").unwrap();
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

/// As a server does whose root is one folder too high.
fn serve_state(clinic: &Clinic) {
    let folder = clinic.state("");
    let more = format!("location ^~ /.entracte-doctor/ {{ alias {}; }}\n", folder.display());
    clinic.site.bed.put_snippet("doctor", &format!("{}{more}", clinic.snippet));
}

/// The FPM of this machine, by another setting.
fn fpm(clinic: &Clinic, setting: &str) -> String {
    let program = clinic.site.bed.folder.join("php-fpm");
    let real = support::servers::php_fpm_program();
    fs::write(&program, format!("#!/bin/sh\nexec {} -d {setting} \"$@\"\n", real.display())).unwrap();
    process::run("chmod", &["755", program.to_str().unwrap()]);
    program.to_str().unwrap().to_owned()
}

/// A site of root's, whom no change of user takes the library from.
fn by_another_clock() {
    if faketime::library().is_none() {
        return;
    }
    let small = SmallSite::new();
    small.adopt();
    Clinic::with(|clinic| {
        let settings = small.root().with_file_name(".entracte-site/entracte.toml");
        let text = fs::read_to_string(&settings).unwrap();
        let url = format!("url = \"{}\"", clinic.site.url(Server::Nginx));
        let line = text.lines().find(|line| line.starts_with("# url")).unwrap().to_owned();
        fs::write(&settings, text.replacen(&line, &url, 1)).unwrap();
        for (offset, check, level, says) in [
            (faketime::NOW, "clock", "ok", "agrees"),
            ("+1h", "clock", "warning", "differs by 3"),
            ("-10y", "clock", "error", "the clock says"),
            ("+200d", "last-update", "warning", "200 days ago"),
        ] {
            let checks = checks(&faketime::at(&small, offset), &[]);
            let found = find(&checks, check);
            assert_eq!(found["level"], level, "{offset}: {checks:#?}");
            assert!(found["detail"].as_str().unwrap().contains(says), "{offset}: {found:#}");
        }
    });
}

/// A server with a certificate of its own, ended with the value.
struct Tls {
    port: u16,
    certificate: PathBuf,
    server: std::process::Child,
}

impl Tls {
    fn start(folder: &Path, days: &str) -> Tls {
        let (key, certificate) =
            (folder.join(format!("key-{days}")), folder.join(format!("certificate-{days}")));
        let text = [&key, &certificate].map(|path| path.to_str().unwrap().to_owned());
        let more =
            ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
        let made = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=doctor",
            "-days",
            days,
            "-keyout",
        ];
        process::run("openssl", &[&made[..], &[&text[0], "-out", &text[1]], &more].concat());
        process::run("chmod", &["644", &text[1]]);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "openssl", "s_server", "-quiet", "-www"]);
        command.args(["-accept", &format!("127.0.0.1:{port}"), "-key", &text[0], "-cert", &text[1]]);
        let server = command.stdin(std::process::Stdio::null()).spawn().unwrap();
        process::wait_for("openssl", &key, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Tls { port, certificate, server }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn certificates() {
    Clinic::with(|clinic| {
        for (days, trusts, level, says) in [
            ("10", true, "warning", "it expires in 9 days"),
            ("90", true, "ok", "it is good for 89 days"),
            ("90", false, "error", "is not trusted"),
        ] {
            let tls = Tls::start(&clinic.site.bed.folder, days);
            clinic.set("", "url", format!("https://127.0.0.1:{}/", tls.port));
            let mut entracte = Entracte::new(&clinic.site.folder);
            if trusts {
                entracte = entracte.with("SSL_CERT_FILE", tls.certificate.to_str().unwrap());
            }
            let checks = checks(&entracte, &[]);
            let found = find(&checks, "certificate");
            assert_eq!(found["level"], level, "{days} days: {checks:#?}");
            assert!(found["detail"].as_str().unwrap().contains(says), "{days} days: {found:#}");
        }
    });
}
