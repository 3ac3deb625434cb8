//! The owner's own programs around the steps of a run.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests look from outside")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use entracte::base::step::Step;
use serde_json::Value;

use support::effort;
use support::ground::Ground;
use support::small::SmallSite;

/// A shell as a hook; `step` may be left out for one of failure.
fn hook(when: &str, step: Option<&str>, script: &str, more: &str) -> String {
    let step = step.map(|step| format!("step = \"{step}\"\n")).unwrap_or_default();
    format!("[[hooks.{when}]]\n{step}argv = [\"/bin/sh\", \"-c\", '''{script}''']\n{more}\n")
}

fn settings(small: &SmallSite) -> PathBuf {
    small.folder.path().join("parent/.entracte-site/entracte.toml")
}

/// What hooks have written.
fn diary(small: &SmallSite) -> PathBuf {
    small.folder.path().join("diary")
}

/// A site whose hooks are what `hooks` makes, given the path of the diary.
fn ground(hooks: impl Fn(&str) -> String) -> Ground {
    Ground::adopted(
        |_| (),
        |small| {
            let text = fs::read_to_string(settings(small)).unwrap();
            let hooks = hooks(diary(small).to_str().unwrap());
            fs::write(settings(small), format!("{text}\n{hooks}")).unwrap();
        },
    )
}

fn written(ground: &Ground) -> String {
    fs::read_to_string(diary(&ground.small)).unwrap_or_default()
}

/// The log of a hook of the only run.
fn log(ground: &Ground, name: &str) -> String {
    let runs = ground.parent().join(".entracte-site/runs");
    let run = fs::read_dir(runs).unwrap().next().unwrap().unwrap().path();
    fs::read_to_string(run.join("log").join(name)).unwrap()
}

fn warnings(result: &Value) -> String {
    result["warnings"].to_string()
}

#[test]
fn each_step_has_its_hooks_in_order_and_so_has_the_way_back() {
    let note = |diary: &str| format!("echo \"$ENTRACTE_WHEN $ENTRACTE_STEP $ENTRACTE_OUTCOME\" >> {diary}");
    let ground = ground(|diary| {
        let all = Step::RUN.iter().map(|step| step.name()).chain(["rollback"]);
        let two = |step| {
            hook("before", Some(step), &note(diary), "") + &hook("after", Some(step), &note(diary), "")
        };
        let never = hook("failed", None, &note(diary), "");
        all.map(two).chain([never]).collect()
    });
    support::update::apply(&ground.entracte);
    ground.is_new("with hooks");
    let steps = Step::RUN.iter().map(|step| format!("before {step} \nafter {step} done\n"));
    let forward: String = steps.collect();
    assert_eq!(written(&ground), forward);
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("after rollback");
    assert_eq!(written(&ground), forward + "before rollback \nafter rollback done\n");
}

#[test]
fn what_a_hook_is_told() {
    let ground = ground(|diary| {
        let tell = format!("env | grep -v ^PWD= | sort > {diary}; pwd -P >> {diary}; echo told; echo so >&2");
        hook("after", Some("verify"), &tell, "")
    });
    let applied = support::update::apply(&ground.entracte);
    let (root, run) = (ground.small.root(), applied["run"].as_str().unwrap());
    let parent = ground.parent();
    let text = written(&ground)
        .replace(root.to_str().unwrap(), "ROOT")
        .replace(parent.to_str().unwrap(), "PARENT")
        .replace(run, "RUN");
    let told: Vec<&str> = text.lines().filter(|line| !line.starts_with("HOME=")).collect();
    let message = told.iter().find(|line| line.starts_with("ENTRACTE_MESSAGE=")).unwrap();
    assert!(message.ends_with("entries as planned"), "{message}");
    let rest: Vec<&str> = told.iter().filter(|line| *line != message).copied().collect();
    insta::assert_snapshot!(rest.join("\n"), @r"
    ENTRACTE_FROM=unknown-63c99d4c
    ENTRACTE_OUTCOME=done
    ENTRACTE_RUN=RUN
    ENTRACTE_SITE=ROOT
    ENTRACTE_STATE=PARENT/.entracte-site
    ENTRACTE_STEP=verify
    ENTRACTE_TO=2
    ENTRACTE_URL=
    ENTRACTE_WHEN=after
    LANG=C.UTF-8
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    ROOT
    ");
    assert_eq!(log(&ground, "hook-verify-after.log"), "told\nso\n");
}

#[test]
fn one_that_fails_before_the_swap_leaves_the_site_as_it_was() {
    for step in ["close", "save", "swap"] {
        let ground = ground(|diary| {
            let tell = format!("echo \"$ENTRACTE_WHEN $ENTRACTE_STEP: $ENTRACTE_MESSAGE\" >> {diary}");
            hook("before", Some(step), "echo not today; exit 3", "")
                + &hook("before", Some(step), &tell, "")
                + &hook("failed", None, &tell, "")
                + &hook("failed", Some("verify"), &tell, "")
        });
        let said = ground.entracte.json(&["apply"]).refused(1);
        let part = format!(
            "the hook before {step}: /bin/sh -c echo not today; exit 3 ended with status 3: not today"
        );
        assert!(said.contains(&part) && said.contains(&format!("hook-{step}-before.log")), "{said}");
        ground.is_old(step);
        let told = written(&ground);
        assert!(told.starts_with(&format!("failed {step}: the hook before {step}")), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn one_that_fails_behind_the_swap_stops_the_run_until_somebody_decides() {
    let ground = ground(|diary| hook("before", Some("verify"), &format!("test -e {diary}"), ""));
    let said = ground.entracte.json(&["apply"]).refused(6);
    assert!(said.contains("before verify") && said.contains("status 1"), "{said}");
    ground.status_is_true("stopped by a hook");
    // It is run again when its step is.
    ground.entracte.json(&["resume"]).refused(6);
    fs::write(diary(&ground.small), "").unwrap();
    ground.entracte.json(&["resume"]).code(0);
    ground.is_new("resumed");
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("rolled back");
}

#[test]
fn one_that_fails_afterwards_is_a_warning() {
    let ground = ground(|diary| {
        hook("after", Some("swap"), "echo no luck; exit 4", "")
            + &hook("after", Some("swap"), &format!("echo second >> {diary}"), "")
            + &hook("after", Some("reopen"), "kill -9 $$", "")
    });
    let applied = support::update::apply(&ground.entracte);
    let warned = warnings(&applied);
    assert!(warned.contains("after swap") && warned.contains("ended with status 4: no luck"), "{warned}");
    assert!(warned.contains("after reopen") && warned.contains("signal 9"), "{warned}");
    assert_eq!(written(&ground), "second\n");
    assert_eq!(log(&ground, "hook-swap-after.log"), "no luck\n");
    assert_eq!(log(&ground, "hook-swap-after-2.log"), "");
    ground.is_new("with warnings");
}

#[test]
fn one_that_takes_too_long_is_ended_with_all_that_it_started() {
    let ground = ground(|diary| {
        let long = format!("sleep 77 & echo $! > {diary}; wait");
        hook("before", Some("migrate"), &long, "limit_seconds = 0.5\n")
    });
    let said = ground.entracte.json(&["apply"]).refused(6);
    assert!(said.contains("took longer than 0.5 s and was ended"), "{said}");
    assert!(is_gone(written(&ground).trim().parse().unwrap()));
    ground.entracte.json(&["rollback"]).code(0);
    ground.is_old("rolled back");
}

#[test]
fn when_the_program_is_killed_its_hook_ends_and_the_run_goes_on() {
    for verb in ["resume", "rollback"] {
        let ground = ground(|diary| {
            let once = format!("test -e {diary} || {{ echo $$ > {diary}; exec sleep 78; }}");
            hook("before", Some("run-once"), &once, "")
        });
        let mut applying = ground.entracte.command(&["apply", "--foreground"]).spawn().unwrap();
        let pid = wait_for(|| written(&ground).trim().parse().ok());
        applying.kill().unwrap();
        applying.wait().unwrap();
        wait_for(|| is_gone(pid).then_some(()));
        ground.status_is_true("killed in a hook");
        ground.entracte.json(&[verb]).code(0);
        match verb {
            "resume" => ground.is_new("resumed"),
            _ => ground.is_old("rolled back"),
        }
    }
}

/// Between any two lines of the journal, with hooks at every step.
#[test]
fn whoever_is_killed_between_hooks_goes_on_or_back() {
    let points = effort::points(6, 40) as u64;
    let all = Step::RUN.iter().map(|step| step.name()).chain(["rollback"]);
    let two = |step| hook("before", Some(step), "true", "") + &hook("after", Some(step), "false", "");
    let hooks: String = all.map(two).collect();
    for (number, at) in effort::spread(40, points as usize).into_iter().enumerate() {
        let ground = ground(|_| hooks.clone());
        let verb = ["resume", "rollback"][number % 2];
        let when = format!("killed behind line {at}, then {verb}");
        let ran = ground.faulty(&format!("journal.written:{at}=kill")).run(&["apply", "--foreground"]);
        assert!(matches!(ran.status.code(), None | Some(0)), "{when}: {ran}");
        ground.status_is_true(&when);
        match verb {
            "resume" => {
                ground.go_on(&when);
                ground.is_new(&when);
            }
            _ => {
                ground.recover("rollback", &when);
                ground.is_old(&when);
            }
        }
    }
    effort::tried("kills between hooks, then on or back", points);
}

#[test]
fn nothing_keeps_a_site_from_going_back() {
    let ground = ground(|diary| {
        hook("before", Some("rollback"), "exit 5", "")
            + &hook("after", Some("rollback"), &format!("echo \"$ENTRACTE_MESSAGE\" > {diary}; exit 6"), "")
    });
    support::update::apply(&ground.entracte);
    let back = ground.entracte.json(&["rollback"]).code(0);
    let warned = warnings(&back);
    assert!(warned.contains("status 5") && warned.contains("status 6"), "{warned}");
    assert_eq!(written(&ground), "asked\n");
    ground.is_old("rolled back");
}

/// What a hook changes in the site is seen, unless the owner says that it changes by itself.
#[test]
fn what_a_hook_changes_in_the_site_is_found() {
    let ground = ground(|_| hook("after", Some("swap"), "echo x > app/hooked.txt", ""));
    let said = ground.entracte.json(&["apply"]).refused(6);
    assert!(said.contains("app/hooked.txt"), "{said}");
    let text = fs::read_to_string(settings(&ground.small)).unwrap();
    fs::write(
        settings(&ground.small),
        text.replace("keep = []", "keep = []\nvolatile = [\"app/hooked.txt\"]"),
    )
    .unwrap();
    ground.entracte.json(&["resume"]).code(0);
    assert!(ground.small.has("app/hooked.txt"));
}

#[test]
fn a_plan_names_its_hooks_and_another_hook_is_another_plan() {
    let ground = ground(|_| hook("before", Some("close"), "true", "") + &hook("failed", None, "true", ""));
    let plan = ground.entracte.json(&["plan"]).code(0);
    let lines = ["before close: /bin/sh -c true", "when a step failed: /bin/sh -c true"];
    assert_eq!(plan["hooks"], serde_json::json!(lines));
    let page = ground.entracte.run(&["plan"]).code(0).stdout;
    assert!(lines.iter().all(|line| page.contains(line)), "{page}");
    let text = fs::read_to_string(settings(&ground.small)).unwrap();
    fs::write(settings(&ground.small), text.replace("'''true'''", "'''false'''")).unwrap();
    let said = ground.entracte.json(&["apply"]).refused(5);
    assert!(said.contains("settings changed"), "{said}");
    ground.is_old("refused");
}

#[test]
fn a_hook_at_no_step_is_refused_with_its_line() {
    let ground = ground(|_| String::new());
    let text = fs::read_to_string(settings(&ground.small)).unwrap();
    for wrong in
        ["[[hooks.before]]\nstep = \"stage\"\nargv = [\"true\"]", "[[hooks.after]]\nargv = [\"true\"]"]
    {
        fs::write(settings(&ground.small), format!("{text}\n{wrong}\n")).unwrap();
        let said = ground.entracte.json(&["plan"]).refused(5);
        assert!(said.contains("line "), "{said}");
    }
}

fn is_gone(pid: u32) -> bool {
    matches!(support::process::state(pid), None | Some('Z'))
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "it never comes");
        thread::sleep(Duration::from_millis(20));
    }
}
