//! Webhooks, signs of life, programs.

use std::fs;

use entracte::notify;
use entracte::notify::Beat;
use serde_json::Value;

use crate::lab::Lab;
use crate::lab::rolled_back;
use crate::support::hearer::Hearer;
use crate::support::process;
use crate::support::smtp::write_private;

#[test]
fn a_webhook_is_signed_together_with_its_moment() {
    let hearer = Hearer::start();
    let lab = Lab::new("");
    let secret = lab.folder().join("secret");
    write_private(&secret, "key-of-the-hook");
    lab.set(&format!(
        "[notify.webhook]\nurl = \"{}/hush?t=1\"\nsecret_file = \"{}\"\n",
        hearer.url,
        secret.display()
    ));
    let told = notify::tell(&lab.site(), &rolled_back("\u{202e}why"));
    assert_eq!((told.sent.len(), told.warnings()), (1, Vec::new()), "{told:?}");
    let heard = hearer.heard().remove(0);
    assert_eq!(heard.request, "POST /hush?t=1");
    assert_eq!(heard.headers["content-type"], "application/json");

    let signed = [heard.headers["x-entracte-timestamp"].as_bytes(), b".", &heard.body].concat();
    fs::write(lab.folder().join("signed"), signed).unwrap();
    let file = lab.folder().join("signed");
    let digest =
        process::run("openssl", &["dgst", "-sha256", "-hmac", "key-of-the-hook", file.to_str().unwrap()]);
    let (_, expected) = digest.trim().rsplit_once(' ').unwrap();
    assert_eq!(heard.headers["x-entracte-signature"], format!("sha256={expected}"));

    let mut body: Value = serde_json::from_slice(&heard.body).unwrap();
    assert_eq!(body["id"], heard.headers["x-entracte-id"]);
    for (name, value) in [("id", "ID"), ("at", "AT")] {
        body[name] = value.into();
    }
    body["site"]["host"] = "HOST".into();
    for name in ["root", "settings"] {
        body["site"][name] = body["site"][name].as_str().unwrap().rsplit_once("/parent/").unwrap().1.into();
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r#"
    {
      "at": "AT",
      "details": [
        "\\u{202e}why"
      ],
      "format": 1,
      "from": "1",
      "id": "ID",
      "key": "\\u{202e}why",
      "kind": "rolled-back",
      "log": "verify: 14 files as planned\nrolled back",
      "next": [
        "entracte show 20261121-031145-1f0a"
      ],
      "plan": null,
      "run": "20261121-031145-1f0a",
      "site": {
        "closed": false,
        "host": "HOST",
        "name": "site",
        "root": "site",
        "settings": ".entracte-site/entracte.toml",
        "url": null
      },
      "subject": "[site] update 1 -> 2 failed and was rolled back",
      "to": "2",
      "what": "The site was not well after the update."
    }
    "#);
}

#[test]
fn an_answer_that_is_no_yes_is_a_failure_and_the_address_is_not_shown() {
    let hearer = Hearer::start();
    let lab = Lab::new(&format!("[notify.webhook]\nurl = \"{}/hush\"\n", hearer.url));
    for (status, complaint) in [(500, "answered 500"), (404, "answered 404"), (302, "leads elsewhere")] {
        hearer.answers(status);
        let ran = lab.entracte.run(&["notify", "test"]).code(1);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(complaint) && said.contains("http://127.0.0.1:"), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
    assert_eq!(hearer.requests(), ["POST /hush"; 3], "none is followed");
    lab.set("[notify.webhook]\nurl = \"http://127.0.0.1:1/hush\"\n");
    let said = lab.test().code(1).to_string();
    assert!(said.contains("failed to reach http://127.0.0.1:1/…") && !said.contains("hush"), "{said}");
}

#[test]
fn signs_of_life_go_where_they_are_expected() {
    let hearer = Hearer::start();
    let lab = Lab::new(&format!("[notify.heartbeat]\nurl = \"{}/ping/uuid\"\n", hearer.url));
    for beat in [Beat::Start, Beat::Success, Beat::Fail] {
        assert_eq!(notify::beat(&lab.site(), beat), None);
    }
    assert_eq!(hearer.requests(), ["GET /ping/uuid/start", "GET /ping/uuid", "GET /ping/uuid/fail"]);
    hearer.answers(503);
    let warning = notify::beat(&lab.site(), Beat::Success).unwrap();
    assert!(warning.contains("answered 503") && !warning.contains("uuid"), "{warning}");
    assert_eq!(hearer.heard().len(), 5, "a second try, since one that is lost raises an alarm");
    lab.set(&format!("[notify.heartbeat]\nfail = \"{}/down\"\n", hearer.url));
    assert_eq!(notify::beat(&lab.site(), Beat::Start), None);
    assert!(notify::beat(&lab.site(), Beat::Fail).is_some());
    assert_eq!(hearer.heard().len(), 7);
    lab.test().code(0);
    assert_eq!(hearer.heard().len(), 7, "a test raises no alarm");
}

#[test]
fn a_program_gets_the_notice_on_its_input_and_a_few_variables() {
    let lab = Lab::new("");
    let taken = lab.folder().join("taken");
    let program =
        lab.program("told", &format!("env | grep ^ENTRACTE_ | sort > {0}.env; cat > {0}", taken.display()));
    let settings = |limit: u32| {
        format!("[notify.command]\nargv = [\"{}\"]\nlimit_seconds = {limit}\n", program.display())
    };
    lab.set(&settings(30));
    lab.test().code(0);
    let body: Value = serde_json::from_slice(&fs::read(&taken).unwrap()).unwrap();
    assert_eq!((body["kind"].as_str(), body["site"]["name"].as_str()), (Some("test"), Some("site")));
    let variables = fs::read_to_string(lab.folder().join("taken.env")).unwrap();
    let root = lab.site().root.display().to_string();
    insta::assert_snapshot!(variables.replace(&root, "ROOT"), @r#"
    ENTRACTE_FROM=
    ENTRACTE_KIND=test
    ENTRACTE_RUN=
    ENTRACTE_SITE=ROOT
    ENTRACTE_SUBJECT=[site] this is a test: notices arrive
    ENTRACTE_TO=
    ENTRACTE_URL=
    "#);

    lab.program("told", "echo nobody is at home; exit 3");
    assert!(lab.test().code(1).to_string().contains("ended with status 3: nobody is at home"));
    lab.program("told", "sleep 600");
    lab.set(&settings(1));
    assert!(lab.test().code(1).to_string().contains("took longer than 1 s"));
    lab.set("[notify.command]\nargv = [\"/no/such/program\"]\n");
    assert!(lab.test().code(1).to_string().contains("/no/such/program"));
    assert!(notify::check(&lab.site())[0].detail.contains("there is no program /no/such/program"));
}
