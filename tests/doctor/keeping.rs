//! What may be wrong with what entracte keeps, with the gate, and with runs.

use std::path::Path;

use crate::clinic::Clinic;
use crate::clinic::checks;
use crate::clinic::find;
use crate::defect::Cure;
use crate::defect::Defect;
use crate::defect::with_gate;
use crate::defect::without_gate;
use crate::support::process;

pub const DEFECTS: &[Defect] = &[
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
            clinic.settle(|| find(&checks(&clinic.entracte, &[]), "gate")["level"] == "ok");
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
];

fn flag(clinic: &Clinic) {
    let text = r#"{"format":1,"reason":"to 3","by":"20200101-000000-abcd","since":"2026-01-01T05:00:00Z","retry_after":60}"#;
    clinic.write(&clinic.state("gate/closed"), text);
}

fn old(path: &Path) {
    process::run("touch", &["-d", "1 hour ago", path.to_str().unwrap()]);
}

/// As a server does whose root is one folder too high.
fn serve_state(clinic: &Clinic) {
    let folder = clinic.state("");
    let more = format!("location ^~ /.entracte-doctor/ {{ alias {}; }}\n", folder.display());
    clinic.site.bed.put_snippet("doctor", &format!("{}{more}", clinic.snippet));
}
