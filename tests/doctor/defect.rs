//! A defect: how it is planted, found, and mended.

use crate::clinic::Clinic;
use crate::clinic::bad;
use crate::clinic::checks;
use crate::clinic::find;
use crate::support::process;

/// How a defect goes away again.
#[derive(Clone, Copy)]
pub enum Cure {
    /// The fix is a command line.
    Fix,
    /// The fix, done by a function.
    By(fn(&Clinic)),
    /// By a verb that the fix names.
    Verb(&'static [&'static str]),
    /// It takes more than a test has.
    Nothing,
}

#[derive(Clone, Copy)]
pub struct Defect {
    pub name: &'static str,
    pub plant: fn(&Clinic),
    pub check: &'static str,
    pub level: &'static str,
    /// What detail and fix say.
    pub says: &'static str,
    pub cure: Cure,
}

pub fn each(defect: &Defect) {
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

pub fn without_gate(clinic: &Clinic) {
    clinic.site.bed.put_snippet("doctor", "");
}

pub fn with_gate(clinic: &Clinic) {
    clinic.site.bed.put_snippet("doctor", &clinic.snippet);
}
